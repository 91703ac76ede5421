# Accuracy of probes on states: a block an arm and concept, in it a grid of steps by layers before and one for each way of
# pressing after, four to a line.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
MOST = 64
array GRID[256 * MOST]
do for [i = 1:256 * MOST] { GRID[i] = "" }
array GRIDS[256]
do for [i = 1:256] { GRIDS[i] = 0 }
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (GRID[int($1) * MOST + int($3) + 1] = strcol(4), GRIDS[int($1) + 1] = $3 + 1 > GRIDS[int($1) + 1] ? $3 + 1 : GRIDS[int($1) + 1], $3) name "S" nooutput
stats CSV skip 1 using 5 name "X" nooutput
stats CSV skip 1 using 6 name "Y" nooutput
panels = int(P_max) + 1
grids = int(S_max) + 1
steps = int(X_max) + 1
layers = int(Y_max) + 1

longest_name = 0
do for [i = 1:256 * MOST] { longest_name = strlen(GRID[i]) > longest_name ? strlen(GRID[i]) : longest_name }

columns = grids < 4 ? grids : 4
lines_of(p) = int((GRIDS[p + 1] + columns - 1) / columns)
tile = columns < 3 ? 50.0 : 30.0
tile_height = 20.0
name_height = 18.0
gap = 20.0
grid_width = steps * tile < 5.6 * longest_name ? 5.6 * longest_name : steps * tile
grid_height = layers * tile_height
line_height = name_height + grid_height
left = 62 + 6.6 * longest_panel
top = 8.0
foot = 62.0
width = left + columns * (grid_width + gap) + 90
width = width < 860 ? 860.0 : width
height = top + foot
do for [p = 0:panels - 1] { height = height + lines_of(p) * line_height + 26 }
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set palette defined (0 "#ffffff", 0.35 "#c6dbef", 0.7 "#85bcdc", 1 "#4292c6")
set cbrange [0:1]
set xrange [-0.5:steps - 0.5]
set yrange [-0.5:layers - 0.5]
unset key
unset grid
set border 0
set tics scale 0
set cbtics 0.25 format "%.2g"
set cblabel "accuracy" offset -0.5, 0
bar_height = height - top - foot < 190 ? height - top - foot - 30 : 160
block = top
do for [p = 0:panels - 1] {
    n = int(GRIDS[p + 1])
    do for [s = 0:n - 1] {
        c = s % columns
        y = block + (s / columns) * line_height + name_height
        set lmargin at screen (left + c * (grid_width + gap)) / width
        set rmargin at screen (left + c * (grid_width + gap) + steps * tile) / width
        set tmargin at screen 1 - y / height
        set bmargin at screen 1 - (y + grid_height) / height
        if (s == 0) { set label 1 PANEL[p + 1] at graph 0, graph 0.5 right offset -5.5, 0 } else { unset label 1 }
        set label 2 GRID[p * MOST + s + 1] at graph 0, graph 1 left offset 0, 0.5 font "DejaVu Sans,9"
        set ytics 1 format (c == 0 ? "%.0f" : "") font "DejaVu Sans,9"
        set ylabel (c == 0 ? "layer" : "") offset 0.3, 0 font "DejaVu Sans,9"
        last = s + columns >= n
        set xtics 1 format (last ? "%.0f" : "") offset 0, 0.4 font "DejaVu Sans,9"
        set xlabel (last && p == panels - 1 ? "step" : "") offset 0, 1.0 font "DejaVu Sans,9"
        if (p == 0 && s == 0) {
            set colorbox user origin screen (left + columns * (grid_width + gap) + 4) / width, screen 1 - (top + name_height + bar_height) / height size screen 12 / width, screen bar_height / height
        } else { unset colorbox }
        plot CSV skip 1 using ($1 == p && $3 == s ? $5 : NaN):6:(0.48):(0.46):7 with boxxyerror fs solid 1 noborder lc palette, \
            CSV skip 1 using ($1 == p && $3 == s ? $5 : NaN):6:8 with labels font "DejaVu Sans,8" textcolor rgb "#111111"
    }
    block = block + lines_of(p) * line_height + 26
}
unset label
series = 0
key_height = 0
load PLOTS."key.gp"
unset multiplot
