# Panels of columns: each with its seeds (grey dots) and their mean and interval. Loaded by a figure that has set y_name and,
# where the values have a natural range, y_low and y_high (else 0 and 0: what the data need).
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
stats CSV skip 1 using 7 name "L" nooutput
stats CSV skip 1 using 8 name "H" nooutput
panels = int(P_max) + 1
names = int(S_max) + 1
low = L_min < y_low ? L_min : y_low
high = H_max > y_high ? H_max : y_high
margin = 0.06 * (high - low)

columns = panels < 4 ? panels : 4
bands = (panels + columns - 1) / columns
panel_width = 40.0 + 34 * names
panel_width = panel_room(panel_width < 170 ? 170.0 : panel_width)
panel_height = 170.0
left = 62.0
top = 30.0
below = 16 + 4.6 * longest_series
band = panel_height + below + 30
foot = 34.0
width = left + columns * panel_width + 14
width = width < 640 ? 640.0 : width
load PLOTS."caption.gp"
height = top + bands * band + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot
set xrange [-0.6:names - 0.4]
set yrange [low - margin:high + margin]
unset key
do for [p = 0:panels - 1] {
    c = p % columns
    b = p / columns
    set lmargin at screen (left + c * panel_width) / width
    set rmargin at screen (left + (c + 1) * panel_width - 18) / width
    set tmargin at screen 1 - (top + b * band) / height
    set bmargin at screen 1 - (top + b * band + panel_height) / height
    set title PANEL[p + 1] offset 0, -0.6
    set ytics format (c == 0 ? "%.2g" : "")
    set ylabel (c == 0 ? y_name : "") offset 1, 0
    set xtics nomirror rotate by -40 left font "DejaVu Sans,9" (SERIES[1] 0)
    do for [s = 1:names - 1] { set xtics add (SERIES[s + 1] s) }
    set arrow 1 from -0.6, 0 to names - 0.4, 0 nohead ls 100
    plot CSV skip 1 using ($1 == p && $5 > 0 ? $3 - 0.16 : NaN):6 with points lc 8 pt 6 ps 0.35, \
         CSV skip 1 using ($1 == p && $5 == 0 ? $3 + 0.12 : NaN):6:7:8 with yerrorbars lc 1 lw 1.8 pt 7 ps 0.6
}
unset xtics
series = 0
key_height = 0
load PLOTS."key.gp"
unset multiplot
