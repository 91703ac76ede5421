# Probability of C2 after the data, a row a design and arm, at three scales of the prior of DiD; dotted: before the data.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "R" nooutput
stats CSV skip 1 using 4 name "P" nooutput
rows = int(R_max) + 1
prior = P_max
left = 130.0
row_height = 30.0
top = 40.0
foot = 84.0
width = 700.0
height = top + rows * row_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set lmargin at screen left / width
set rmargin at screen (width - 30) / width
set tmargin at screen 1 - top / height
set bmargin at screen foot / height
set xrange [-0.02:1.02]
set yrange [rows - 0.5:-0.5]
unset ytics
set border 1
set grid xtics back
set xtics 0.2
set xlabel "probability of C2" offset 0, 0.3
set arrow 1 from prior, -0.5 to prior, rows - 0.5 nohead ls 101
set for [i = 0:rows - 1] label 100 + i PANEL[i + 1] at graph 0, first i right offset -1, 0
set label 1 CAPTION at screen 12 / width, screen 14 / height left font "DejaVu Sans,9" textcolor rgb "#444444"
set key outside top center horizontal
plot CSV skip 1 using ($3 == 1 ? $5 : NaN):1 with points lc 1 pt 7 ps 0.8 title "scale s", \
     CSV skip 1 using ($3 == 0.5 ? $5 : NaN):($1 - 0.2) with points lc 2 pt 5 ps 0.7 title "s / 2", \
     CSV skip 1 using ($3 == 2 ? $5 : NaN):($1 + 0.2) with points lc 3 pt 9 ps 0.8 title "2 s"
