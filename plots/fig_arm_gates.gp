# Gates of the arms: a row an arm, a panel a figure. A ring a seed, their mean filled; dashes: what the gate asks for.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
MOST = 1024
array NAME[MOST]
array HEADING[MOST]
array SAID[MOST]
do for [i = 1:MOST] { NAME[i] = ""; HEADING[i] = ""; SAID[i] = "" }
keep(place, row, text) = (place == 2 ? (HEADING[int(row) + 1] = text) : place == 3 ? (NAME[int(row) + 1] = text) : place == 4 ? (SAID[int(row) + 1] = text) : text, row)
stats CSV skip 1 using (keep($4, $3, strcol(5))) name "R" nooutput
stats CSV skip 1 using ($1 < 0 ? NaN : quiet_name(0, $1, strcol(2))) name "P" nooutput
rows = int(R_max) + 1
panels = int(P_max) + 1

names = 0
said = 0
do for [i = 1:rows] {
    names = strlen(NAME[i]) > names ? strlen(NAME[i]) : names
    said = strlen(SAID[i]) > said ? strlen(SAID[i]) : said
}
left = 34.0 + 6.2 * names
panel_width = 124.0
gap = 14.0
row_height = 19.0
top = 34.0
foot = 58.0
width = left + panels * (panel_width + gap) + 20 + 6.2 * said
load PLOTS."caption.gp"
height = top + rows * row_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

set xrange [-0.12:1.08]
set yrange [rows - 0.5:-0.5]
unset key
unset ytics
set border 1
set xtics 0.5 format "%g" offset 0, 0.4 font "DejaVu Sans,9"
set grid xtics back
colour(met) = met > 0 ? 0x009e73 : met == 0 ? 0xd55e00 : 0x777777
set label 1 CAPTION at screen 12 / width, screen caption_y / height left font "DejaVu Sans,9" textcolor rgb "#444444"
do for [p = 0:panels - 1] {
    set lmargin at screen (left + p * (panel_width + gap)) / width
    set rmargin at screen (left + p * (panel_width + gap) + panel_width) / width
    set tmargin at screen 1 - top / height
    set bmargin at screen foot / height
    set label 2 PANEL[p + 1] at graph 0.5, graph 1 center offset 0, 0.7
    if (p == 0) {
        do for [i = 0:rows - 1] {
            if (strlen(HEADING[i + 1])) { set label 100 + i HEADING[i + 1] at screen 12 / width, first i left font "DejaVu Sans Bold,10" }
            if (strlen(NAME[i + 1])) { set label 100 + i NAME[i + 1] at graph 0, first i right offset -1, 0 font "DejaVu Sans,10" }
        }
    } else { do for [i = 0:rows - 1] { unset label 100 + i } }
    if (p == panels - 1) {
        do for [i = 0:rows - 1] {
            if (strlen(SAID[i + 1])) { set label 100 + i SAID[i + 1] at graph 1, first i left offset 1, 0 font "DejaVu Sans,10" textcolor rgb "#444444" }
        }
    }
    plot CSV skip 1 using ($1 == p && $4 == 1 ? $8 : NaN):($3 - 0.42):(0):(0.84) with vectors nohead lw 2 lc rgb "#444444", \
        CSV skip 1 using ($1 == p && $4 == 0 ? $6 : NaN):3:(colour($7)) with points pt 6 ps 0.7 lw 1 lc rgb variable, \
        CSV skip 1 using ($1 == p && $4 == 1 && $7 == 0 ? $6 : NaN):3:(colour($7)) with points pt 9 ps 0.9 lc rgb variable, \
        CSV skip 1 using ($1 == p && $4 == 1 && $7 != 0 ? $6 : NaN):3:(colour($7)) with points pt 7 ps 0.6 lc rgb variable
    unset label 1
}
unset multiplot
