# The quantity of each claim, a row a part: mean and interval; dotted lines at -delta and delta.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "R" nooutput
stats CSV skip 1 using (quiet_name(1, $1, strcol(7))) name "V" nooutput
stats CSV skip 1 using 4 name "L" nooutput
stats CSV skip 1 using 5 name "H" nooutput
stats CSV skip 1 using 8 name "D" nooutput
rows = int(R_max) + 1
delta = D_max
low = L_min < -1.5 * delta ? L_min : -1.5 * delta
high = H_max > 1.5 * delta ? H_max : 1.5 * delta
margin = 0.05 * (high - low)

left = 300.0
row_height = 24.0
top = 20.0
foot = 84.0
width = 800.0
height = top + rows * row_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set lmargin at screen left / width
set rmargin at screen (width - 110) / width
set tmargin at screen 1 - top / height
set bmargin at screen foot / height
set xrange [low - margin:high + margin]
set yrange [rows - 0.5:-0.5]
unset key
unset ytics
set border 1
set grid xtics back
set xlabel "spillover, or difference of spillovers (C3: bits)" offset 0, 0.3
set arrow 1 from 0, -0.5 to 0, rows - 0.5 nohead ls 100
set arrow 2 from delta, -0.5 to delta, rows - 0.5 nohead ls 101
set arrow 3 from -delta, -0.5 to -delta, rows - 0.5 nohead ls 101
set for [i = 0:rows - 1] label 100 + i PANEL[i + 1] at graph 0, first i right offset -1, 0
set for [i = 0:rows - 1] label 400 + i SERIES[i + 1] at graph 1, first i left offset 1, 0 textcolor rgb "#444444"
set label 1 CAPTION at screen 12 / width, screen 14 / height left font "DejaVu Sans,9" textcolor rgb "#444444"
plot CSV skip 1 using 3:1:4:5 with xerrorbars lc 1 lw 1.8 pt 7 ps 0.6
