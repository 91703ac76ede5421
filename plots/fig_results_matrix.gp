# Arms by pressures, in blocks: S^F on the left, S^R on the right; blue is less readable, orange more readable than the
# control.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
array ROW_BLOCK[256]
array COLUMN_BLOCK[256]
array COLUMN_PLACE[256]
array BLOCK[256]
array BLOCK_ROW[256] # the first
note(block, block_name, row, row_name, column, column_name, place) = (quiet_name(0, row, row_name), \
    quiet_name(1, column, column_name), ROW_BLOCK[int(row) + 1] = int(block), COLUMN_BLOCK[int(column) + 1] = int(block), \
    COLUMN_PLACE[int(column) + 1] = int(place), BLOCK[int(block) + 1] = block_name, int(row))
stats CSV skip 1 using (note($2, strcol(3), $4, strcol(5), $6, strcol(7), $8)) name "R" nooutput
stats CSV skip 1 using 6 name "C" nooutput
stats CSV skip 1 using 8 name "P" nooutput
stats CSV skip 1 using 2 name "B" nooutput
rows = int(R_max) + 1
columns = int(C_max) + 1
widest = int(P_max) + 1
blocks = int(B_max) + 1
do for [i = rows:1:-1] { BLOCK_ROW[ROW_BLOCK[i] + 1] = i - 1 }

cell_width = 92.0
cell_height = 34.0
left = 30 + 6.6 * longest_panel
left = left < 190 ? 190.0 : left
head = 20 + 3.3 * longest_series # the names of columns stand at 35 degrees
head = head < 80 ? 80.0 : head
over = 4.7 * longest_series - cell_width # of the last column's name to the right of its column
over = over < 0 ? 0.0 : over
gap = 30.0 + over
foot = 44.0
top = 30.0
block = widest * cell_width
width = left + 2 * block + gap + 90 + over
height = top + blocks * head + rows * cell_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

# Lines, of a cell's height each, from the top; every block has its head above it.
line(row, block) = row + (block + 1) * head / cell_height

set palette defined (-1 "#e08214", -0.5 "#fdb863", 0 "#f7f7f7", 0.5 "#92c5de", 1 "#4393c3")
set cbrange [-1:1]
set xrange [-0.5:widest - 0.5]
set yrange [line(rows - 1, blocks - 1) + 0.5:-0.5]
unset key
unset border
unset grid
unset tics
set cbtics 0.5 format "%.1f" scale 0
set cblabel "S" rotate by 0 offset -1, 0
do for [r = 0:1] {
    set lmargin at screen (left + r * (block + gap)) / width
    set rmargin at screen (left + r * (block + gap) + block) / width
    set tmargin at screen 1 - top / height
    set bmargin at screen foot / height
    do for [i = 1:columns] {
        set label 300 + i SERIES[i] at COLUMN_PLACE[i] - 0.15, line(BLOCK_ROW[COLUMN_BLOCK[i] + 1], COLUMN_BLOCK[i]) - 0.62 left rotate by 35 font "DejaVu Sans,9"
    }
    do for [i = 1:rows] {
        if (r == 0) { set label 600 + i PANEL[i] at -0.6, line(i - 1, ROW_BLOCK[i]) right } else { unset label 600 + i }
    }
    do for [i = 1:blocks] {
        if (r == 0) { set label 900 + i BLOCK[i] at -0.6, line(BLOCK_ROW[i], i - 1) - 0.85 right font "DejaVu Sans,12" } else { unset label 900 + i }
    }
    set label 1 (r == 0 ? "S^F  (fixed monitors)" : "S^R  (refitted probe)") at graph 0, screen 1 - 16 / height left font "DejaVu Sans,12"
    if (r == 0) { set label 2 CAPTION at screen 12 / width, screen 14 / height left font "DejaVu Sans,9" textcolor rgb "#444444" } else { unset label 2 }
    if (r == 0) { unset colorbox } else {
        bar = (rows < 12 ? rows : 12) * cell_height
        set colorbox user origin screen (width - 74 - over) / width, screen 1 - (top + head + bar) / height size screen 14 / width, screen bar / height
    }
    plot CSV skip 1 using ($1 == r ? $8 : NaN):(line($4, $2)):(0.49):(0.47):9 with boxxyerror fs solid 1 noborder lc palette, \
        CSV skip 1 using ($1 == r ? $8 : NaN):(line($4, $2)):10 with labels font "DejaVu Sans,9" textcolor rgb "#111111"
}
unset multiplot
