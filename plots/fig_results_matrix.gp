# Arms by pressures: S^F on the left, S^R on the right; blue is less readable, orange more readable than the control.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $2, strcol(3))) name "R" nooutput
stats CSV skip 1 using (quiet_name(1, $4, strcol(5))) name "C" nooutput
rows = int(R_max) + 1
columns = int(C_max) + 1

cell_width = 92.0
cell_height = 34.0
left = 30 + 6.6 * longest_panel
left = left < 190 ? 190.0 : left
head = 50 + 3.3 * longest_series # they stand at 35 degrees
head = head < 110 ? 110.0 : head
over = 4.7 * longest_series - cell_width # of the last column's name to the right of its column
over = over < 0 ? 0.0 : over
gap = 30.0 + over
foot = 44.0
block = columns * cell_width
width = left + 2 * block + gap + 90 + over
height = head + rows * cell_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set palette defined (-1 "#e08214", -0.5 "#fdb863", 0 "#f7f7f7", 0.5 "#92c5de", 1 "#4393c3")
set cbrange [-1:1]
set xrange [-0.5:columns - 0.5]
set yrange [rows - 0.5:-0.5]
unset key
unset border
unset grid
unset tics
set cbtics 0.5 format "%.1f" scale 0
set cblabel "S" rotate by 0 offset -1, 0
do for [r = 0:1] {
    set lmargin at screen (left + r * (block + gap)) / width
    set rmargin at screen (left + r * (block + gap) + block) / width
    set tmargin at screen 1 - head / height
    set bmargin at screen foot / height
    set for [i = 0:columns - 1] label 100 + i SERIES[i + 1] at i - 0.15, -0.62 left rotate by 35 font "DejaVu Sans,9"
    if (r == 0) {
        set for [i = 0:rows - 1] label 400 + i PANEL[i + 1] at -0.6, i right
    } else {
        do for [i = 0:rows - 1] { unset label 400 + i }
    }
    set label 1 (r == 0 ? "S^F  (fixed monitors)" : "S^R  (refitted probe)") at graph 0, screen 1 - 16 / height left font "DejaVu Sans,12"
    if (r == 0) { set label 2 CAPTION at screen 12 / width, screen 14 / height left font "DejaVu Sans,9" textcolor rgb "#444444" } else { unset label 2 }
    if (r == 0) { unset colorbox } else {
        set colorbox user origin screen (width - 74 - over) / width, screen foot / height size screen 14 / width, screen (rows * cell_height) / height
    }
    plot CSV skip 1 using ($1 == r ? $4 : NaN):2:(0.49):(0.47):6 with boxxyerror fs solid 1 noborder lc palette, \
        CSV skip 1 using ($1 == r ? $4 : NaN):2:7 with labels font "DejaVu Sans,9" textcolor rgb "#111111"
}
unset multiplot
