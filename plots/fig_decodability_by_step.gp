# Accuracy of the refitted probe by reasoning position: a panel an arm and concept, a line before and one for each way of
# pressing after; bars are 95 % intervals over seeds.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
stats CSV skip 1 using 5 name "X" nooutput
array CHANCE[256]
do for [i = 1:256] { CHANCE[i] = 0 }
stats CSV skip 1 using (CHANCE[int($1) + 1] = $10) nooutput
panels = int(P_max) + 1
series = int(S_max) + 1
columns = panels < 3 ? panels : 3
bands = (panels + columns - 1) / columns

longest = 0
do for [s = 1:series] { longest = strlen(SERIES[s]) > longest ? strlen(SERIES[s]) : longest }

panel_width = 280.0
panel_height = 210.0
left = 62.0
top = 34.0
gap = 70.0
width = left + columns * panel_width + 14
key_columns = key_columns_for(width - left, longest)
key_height = 20.0 * ((series + key_columns - 1) / key_columns) + 8
foot = 34.0
height = top + bands * (panel_height + gap) + key_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set xrange [-0.5:X_max + 0.5]
set yrange [0:1.05]
set xtics 1 format "%.0f"
# Series are set a little apart, so that their bars can be told from each other.
apart(s, x) = x + 0.06 * (s - (series - 1) / 2.0)
unset key
do for [p = 0:panels - 1] {
    c = p % columns
    b = p / columns
    set lmargin at screen (left + c * panel_width) / width
    set rmargin at screen (left + (c + 1) * panel_width - 18) / width
    set tmargin at screen 1 - (top + b * (panel_height + gap)) / height
    set bmargin at screen 1 - (top + b * (panel_height + gap) + panel_height) / height
    set title PANEL[p + 1] offset 0, -0.6
    set ytics 0.25 format (c == 0 ? "%.2g" : "")
    set ylabel (c == 0 ? "probe accuracy" : "") offset 1, 0
    set xlabel "reasoning position" offset 0, 0.4
    unset arrow
    if (CHANCE[p + 1] > 0) {
        set arrow 1 from graph 0, first CHANCE[p + 1] to graph 1, first CHANCE[p + 1] nohead ls 101
    }
    plot for [s = 0:series - 1] CSV skip 1 using ($1 == p && $3 == s ? apart(s, $5) : NaN):6:7:8 \
            with yerrorbars lc s + 1 lw 1 pt -1, \
        for [s = 0:series - 1] CSV skip 1 using ($1 == p && $3 == s ? apart(s, $5) : NaN):6 \
            with lines lc s + 1 lw (s == 0 ? 2.5 : 1.4), \
        for [s = 0:series - 1] CSV skip 1 using ($1 == p && $3 == s ? apart(s, $5) : NaN):6 \
            with points lc s + 1 pt point_type(s) ps 0.55
}

load PLOTS."key.gp"
unset multiplot
