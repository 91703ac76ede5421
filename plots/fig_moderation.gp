# S at the last update by the level of what a suite varies: a column of panels a setting and way of pressing, S^F above S^R.
# Small dots: seeds; large: their mean with its interval, cut at the frame; a colour for all else that the suite varies.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
stats CSV skip 1 using 9 name "Y" nooutput
panels = int(P_max) + 1
series = int(S_max) + 1
array LEVELS[256] # of a panel
array LABEL[8192] # 32 a panel
longest_label = 0
do for [i = 1:256] { LEVELS[i] = 0 }
do for [i = 1:8192] { LABEL[i] = "" }
level(p, x, name) = (LABEL[32 * p + x + 1] = name, longest_label = strlen(name) > longest_label ? strlen(name) : longest_label, LEVELS[p + 1] = x + 1 > LEVELS[p + 1] ? x + 1 : LEVELS[p + 1], x)
stats CSV skip 1 using (level(int($1), int($6), strcol(7))) name "L" nooutput
array HELD[256] # of a panel its series, as words
do for [i = 1:256] { HELD[i] = "" }
hold(p, s) = strstrt(HELD[p]." ", " ".s." ") ? 0 : (HELD[p] = HELD[p]." ".s, 1)
stats CSV skip 1 using (hold(int($1) + 1, strcol(3))) name "H" nooutput
low = Y_min < -0.2 ? Y_min - 0.05 : -0.25
high = Y_max > 1.05 ? Y_max + 0.05 : 1.1

columns = panels < 4 ? panels : 4
bands = (panels + columns - 1) / columns
panel_width = panel_room(250.0)
panel_height = 150.0
left = 62.0
top = 30.0
gap = 12.0
below = 20 + 4.6 * longest_label
band = 2 * panel_height + gap + below + 34
width = left + columns * panel_width + 14
width = width < 640 ? 640.0 : width
key_columns = key_columns_for(width - left, longest_series)
key_height = 20.0 * ((series + key_columns - 1) / key_columns) + 8
foot = 34.0
load PLOTS."caption.gp"
height = top + bands * band + key_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot
set yrange [low:high]
unset key
place_y(b, r) = 1 - (top + b * band + r * (panel_height + gap)) / height
do for [p = 0:panels - 1] {
    c = p % columns
    b = p / columns
    n = LEVELS[p + 1]
    set xrange [-0.6:n - 0.4]
    do for [r = 0:1] {
        set lmargin at screen (left + c * panel_width) / width
        set rmargin at screen (left + (c + 1) * panel_width - 18) / width
        set tmargin at screen place_y(b, r)
        set bmargin at screen place_y(b, r) - panel_height / height
        set title (r == 0 ? PANEL[p + 1] : "") offset 0, -0.6
        set ytics 0.25 format (c == 0 ? "%.2g" : "")
        set ylabel (c == 0 ? (r == 0 ? "S^F  (fixed monitors)" : "S^R  (refitted probe)") : "") offset 1, 0
        set xtics nomirror rotate by -40 left font "DejaVu Sans,9" ((r == 0 ? "" : LABEL[32 * p + 1]) 0)
        do for [i = 1:n - 1] { set xtics add ((r == 0 ? "" : LABEL[32 * p + i + 1]) i) }
        set arrow 1 from -0.6, 0 to n - 0.4, 0 nohead ls 100
        mine = HELD[p + 1]
        step = 0.6 / words(mine)
        plot for [k = 1:words(mine)] CSV skip 1 using \
                ($1 == p && strcol(3) eq word(mine, k) && $5 == r && $8 > 0 ? $6 + step * (k - 1) - 0.08 : NaN):9 \
                with points lc word(mine, k) + 1 pt 6 ps 0.3, \
            for [k = 1:words(mine)] CSV skip 1 using \
                ($1 == p && strcol(3) eq word(mine, k) && $5 == r && $8 == 0 ? $6 + step * (k - 1) : NaN):9:10:11 \
                with yerrorbars lc word(mine, k) + 1 lw 1.4 pt point_type(word(mine, k) + 0) ps 0.6
    }
}
unset xtics
load PLOTS."key.gp"
unset multiplot
