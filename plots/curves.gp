# Curves of spillover: a column of panels an arm, S^F above S^R; one thin line a seed, a dot at the last update.
# Loaded by a figure that has set x_column, x_low, x_high, x_step, x_name and marked_x (a dotted line; < 0: none).
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
stats CSV skip 1 using 9 name "Y" nooutput
# Of each half of a panel (S^F, S^R) its series, as words, and its data set: only these are read and plotted.
array HELD[512]
array SET[512]
do for [i = 1:512] { HELD[i] = ""; SET[i] = 0 }
hold(i, s, set) = (SET[i] = set, strstrt(HELD[i]." ", " ".s." ") ? 0 : (HELD[i] = HELD[i]." ".s, 1))
stats CSV skip 1 using (hold(2 * int($1) + int($5) + 1, strcol(3), int(column(-2)))) name "H" nooutput
panels = int(P_max) + 1
series = int(S_max) + 1
columns = panels < 4 ? panels : 4
bands = (panels + columns - 1) / columns
low = Y_min < -0.2 ? Y_min - 0.05 : -0.2
high = Y_max > 1.05 ? Y_max + 0.05 : 1.05

panel_width = panel_room(230.0)
panel_height = 180.0
left = 62.0
top = 30.0
gap = 30.0
band = 2 * (panel_height + gap) + 34
width = left + columns * panel_width + 14
key_columns = key_columns_for(width - left, longest_series)
key_height = 20.0 * ((series + key_columns - 1) / key_columns) + 8
body = bands * band
foot = 34.0
load PLOTS."caption.gp"
height = top + body + key_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set xrange [x_low:x_high]
set yrange [low:high]
set xtics x_step format "%.3g"
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
        set xlabel (r == 1 ? x_name : "") offset 0, 0.6
        if (marked_x >= 0) { set arrow 1 from marked_x, low to marked_x, high nohead ls 101 }
        set arrow 2 from x_low, 0 to x_high, 0 nohead ls 100
        i = 2 * p + r + 1
        mine = strlen(HELD[i]) ? HELD[i] : "0" # an empty list would be one empty word
        plot for [s in mine] CSV skip 1 index SET[i] using \
                ($1 == p && $5 == r && $3 == s + 0 ? column(x_column) : NaN):9 \
                with lines lc s + 1 dt int(s / 8.0) + 1 lw 0.9, \
            for [s in mine] CSV skip 1 index SET[i] using \
                ($1 == p && $5 == r && $3 == s + 0 && $10 == 1 ? column(x_column) : NaN):9 \
                with points lc s + 1 pt point_type(s + 0) ps 0.5
    }
}
load PLOTS."key.gp"
unset multiplot
