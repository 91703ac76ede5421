# Lines of a comparison: each with its seeds (circles) and their mean and interval.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "R" nooutput
stats CSV skip 1 using 4 name "X" nooutput
stats CSV skip 1 using 5 name "L" nooutput
stats CSV skip 1 using 6 name "H" nooutput
rows = int(R_max) + 1
low = L_min < X_min ? L_min : X_min
high = H_max > X_max ? H_max : X_max
low = low > 0 ? 0 : low
high = high < 0 ? 0 : high
margin = high > low ? 0.05 * (high - low) : 0.1

left = 24 + 6.6 * longest_panel
row_height = 22.0
top = 14.0
foot = 60.0
width = left + 520.0
load PLOTS."caption.gp"
height = top + rows * row_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set lmargin at screen left / width
set rmargin at screen (width - 20) / width
set tmargin at screen 1 - top / height
set bmargin at screen foot / height
set xrange [low - margin:high + margin]
set yrange [rows - 0.5:-0.5]
unset key
unset ytics
set border 1
set grid xtics back
set arrow 1 from 0, -0.5 to 0, rows - 0.5 nohead ls 100
set for [i = 0:rows - 1] label 100 + i PANEL[i + 1] at graph 0, first i right offset -1, 0
set label 1 CAPTION at screen 12 / width, screen caption_y / height left font "DejaVu Sans,9" textcolor rgb "#444444"
plot CSV skip 1 using ($3 > 0 ? $4 : NaN):($1 + 0.18) with points lc 8 pt 6 ps 0.4, \
     CSV skip 1 using ($3 == 0 ? $4 : NaN):1:5:6 with xerrorbars lc 1 lw 1.8 pt 7 ps 0.6
