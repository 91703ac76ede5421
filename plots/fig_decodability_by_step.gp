# Accuracy of the refitted probe by reasoning position: a panel an arm and concept, two to a line; in it a row before and
# one for each way of pressing after.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
MOST = 64
array ROW[256 * MOST]
do for [i = 1:256 * MOST] { ROW[i] = "" }
array ROWS[256]
do for [i = 1:256] { ROWS[i] = 0 }
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (ROW[int($1) * MOST + int($3) + 1] = strcol(4), ROWS[int($1) + 1] = $3 + 1 > ROWS[int($1) + 1] ? $3 + 1 : ROWS[int($1) + 1], $3) nooutput
stats CSV skip 1 using 5 name "X" nooutput
stats CSV skip 1 using 10 name "N" nooutput
array CHANCE[256]
do for [i = 1:256] { CHANCE[i] = NaN }
stats CSV skip 1 using (CHANCE[int($1) + 1] = $11) nooutput
panels = int(P_max) + 1
steps = int(X_max) + 1

longest = 0
do for [i = 1:256 * MOST] { longest = strlen(ROW[i]) > longest ? strlen(ROW[i]) : longest }

columns = panels < 2 ? 1 : 2
tile = N_max > 1 ? 58.0 : 40.0
row_height = 20.0
names = 20 + 6.2 * longest
panel_width = names + steps * tile + 14
top = 34.0
gap = 50.0
foot = 40.0
rows_of(p) = p < panels ? int(ROWS[p + 1]) : 0
line_height(p) = row_height * (columns > 1 && rows_of(p + 1) > rows_of(p) ? rows_of(p + 1) : rows_of(p))
width = columns * panel_width + 76
width = width < 860 ? 860.0 : width
height = top + foot
do for [p = 0:panels - 1:columns] { height = height + line_height(p) + gap }
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set palette defined (0 "#ffffff", 0.35 "#c6dbef", 0.7 "#85bcdc", 1 "#4292c6")
set cbrange [0:1]
set cbtics 0.25 format "%.2g"
set cblabel "accuracy" offset -0.5, 0
set xrange [-0.5:steps - 0.5]
unset key
unset grid
set border 0
set tics scale 0
unset ytics
bar_height = line_height(0) < 90 ? 90 : line_height(0) > 160 ? 160 : line_height(0)
above = top
do for [p = 0:panels - 1] {
    c = p % columns
    set yrange [rows_of(p) - 0.5:-0.5]
    set lmargin at screen (c * panel_width + names) / width
    set rmargin at screen (c * panel_width + names + steps * tile) / width
    set tmargin at screen 1 - above / height
    set bmargin at screen 1 - (above + row_height * rows_of(p)) / height
    set label 1 (CHANCE[p + 1] > 0 ? sprintf("%s (chance %.2g)", PANEL[p + 1], CHANCE[p + 1]) : PANEL[p + 1]) at graph 0, graph 1 left offset 0, 0.7
    do for [s = 0:rows_of(p) - 1] { set label 100 + s ROW[p * MOST + s + 1] at graph 0, first s right offset -0.8, 0 font "DejaVu Sans,10" }
    set xtics 1 format "%.0f" offset 0, 0.4 font "DejaVu Sans,9"
    set xlabel (p + columns >= panels ? "reasoning position" : "") offset 0, 0.8 font "DejaVu Sans,9"
    if (p == 0) {
        set colorbox user origin screen (columns * panel_width + 4) / width, screen 1 - (top + bar_height) / height size screen 12 / width, screen bar_height / height
    } else { unset colorbox }
    plot CSV skip 1 using ($1 == p ? $5 : NaN):3:(0.48):(0.46):6 with boxxyerror fs solid 1 noborder lc palette, \
        CSV skip 1 using ($1 == p ? $5 : NaN):3:9 with labels font "DejaVu Sans,8" textcolor rgb "#111111"
    unset label
    if (c == columns - 1) { above = above + line_height(p - c) + gap }
}
series = 0
key_height = 0
load PLOTS."key.gp"
unset multiplot
