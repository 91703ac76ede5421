# Spillover S against dose D: a column of panels an arm, S^F above S^R; one thin line a seed, a dot at the last update.
load ARG4
stats ARG2 skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats ARG2 skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
stats ARG2 skip 1 using 9 name "Y" nooutput
panels = int(P_max) + 1
series = int(S_max) + 1
columns = panels < 4 ? panels : 4
bands = (panels + columns - 1) / columns
low = Y_min < -0.2 ? Y_min - 0.05 : -0.2
high = Y_max > 1.05 ? Y_max + 0.05 : 1.05

panel_width = 230.0
panel_height = 180.0
left = 62.0
top = 30.0
key_columns = columns < 2 ? 1 : columns
key_height = 20.0 * ((series + key_columns - 1) / key_columns) + 8
gap = 30.0
band = 2 * (panel_height + gap) + 34
width = left + columns * panel_width + 14
body = bands * band
foot = 34.0
height = top + body + key_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output ARG1
set multiplot

set xrange [-0.05:1.05]
set yrange [low:high]
set xtics 0.25 format "%.2g"
unset key
place_x(c) = (left + c * panel_width) / width
place_y(b, r) = 1 - (top + b * band + r * (panel_height + gap)) / height
do for [p = 0:panels - 1] {
    c = p % columns
    b = p / columns
    do for [r = 0:1] {
        set lmargin at screen place_x(c)
        set rmargin at screen place_x(c) + (panel_width - 18) / width
        set tmargin at screen place_y(b, r)
        set bmargin at screen place_y(b, r) - panel_height / height
        set title (r == 0 ? PANEL[p + 1] : "") offset 0, -0.6
        set ytics 0.25 format (c == 0 ? "%.2g" : "")
        set ylabel (c == 0 ? (r == 0 ? "S^F  (fixed monitors)" : "S^R  (refitted probe)") : "") offset 1, 0
        set xlabel (r == 1 ? "dose D" : "") offset 0, 0.6
        set arrow 1 from 0.75, low to 0.75, high nohead ls 101
        set arrow 2 from -0.05, 0 to 1.05, 0 nohead ls 100
        plot for [s = 0:series - 1] ARG2 skip 1 using ($1 == p && $5 == r && $3 == s ? $8 : NaN):9 \
                with lines lc s + 1 lw 0.9, \
            for [s = 0:series - 1] ARG2 skip 1 using ($1 == p && $5 == r && $3 == s && $10 == 1 ? $8 : NaN):9 \
                with points lc s + 1 pt point_type(s) ps 0.5
    }
}

# The key, in a strip of its own.
unset arrow
unset title
unset xlabel
unset ylabel
unset border
unset tics
unset grid
set lmargin at screen 0
set rmargin at screen 1
set tmargin at screen (key_height + foot) / height
set bmargin at screen 0
set xrange [0:width]
set yrange [0:key_height + foot]
set label 1 ARG3 at 12, 14 left font "DejaVu Sans,9" textcolor rgb "#444444"
do for [s = 0:series - 1] {
    x = left + (s % key_columns) * (width - left) / key_columns
    y = foot + key_height - 12 - 20 * (s / key_columns)
    set arrow 10 + s from x, y to x + 26, y nohead lc s + 1 lw 2
    set label 10 + s SERIES[s + 1] at x + 13, y left offset 2.6, 0 point lc s + 1 pt point_type(s) ps 0.6
}
plot NaN notitle
unset multiplot
