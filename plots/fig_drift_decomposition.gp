# Stacked bars of the parts of B - F: a band an arm, a panel a concept, a bar each way of pressing that the arm has.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
array CONCEPT[256]
array PART[3]
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
MOST = 64
array BAR[256 * MOST]
do for [i = 1:256 * MOST] { BAR[i] = "" }
array BARS[256]
do for [i = 1:256] { BARS[i] = 0 }
stats CSV skip 1 using (BAR[int($1) * MOST + int($5) + 1] = strcol(6), BARS[int($1) + 1] = $5 + 1 > BARS[int($1) + 1] ? $5 + 1 : BARS[int($1) + 1], $5) nooutput
stats CSV skip 1 using (CONCEPT[int($3) + 1] = strcol(4), $3) name "C" nooutput
stats CSV skip 1 using ($8 >= 0 ? (PART[int($8) + 1] = strcol(9), $8) : NaN) nooutput
stats CSV skip 1 using 10 name "A" nooutput
stats CSV skip 1 using 11 name "B" nooutput
panels = int(P_max) + 1
columns = int(C_max) + 1
low = A_min < B_min ? A_min : B_min
high = A_max > B_max ? A_max : B_max
low = low > -0.05 ? -0.05 : low
high = high < 0.1 ? 0.1 : high
room = 0.05 * (high - low)

longest = 0
do for [i = 1:256 * MOST] { longest = strlen(BAR[i]) > longest ? strlen(BAR[i]) : longest }
left = 24 + 6.4 * longest
panel_width = columns < 2 ? 560.0 : 340.0
height_of(p) = 18.0 * BARS[p + 1] + 6
top = 44.0
gap = 34.0
foot = 74.0
width = left + columns * panel_width + 14
width = width < 800 ? 800.0 : width
height = top + foot
do for [p = 0:panels - 1] { height = height + height_of(p) + gap }
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot

part_colour(q) = int(word("0xd55e00 0xe69f00 0x56b4e9", q + 1))
set xrange [low - room:high + room]
unset key
unset ytics
set border 1
set grid xtics back
set arrow 1 from 0, graph 0 to 0, graph 1 nohead ls 100 front
above = top
do for [p = 0:panels - 1] {
    bars = int(BARS[p + 1])
    set yrange [bars - 0.4:-0.6]
    do for [c = 0:columns - 1] {
        set lmargin at screen (left + c * panel_width) / width
        set rmargin at screen (left + (c + 1) * panel_width - 18) / width
        set tmargin at screen 1 - above / height
        set bmargin at screen 1 - (above + height_of(p)) / height
        set label 1 PANEL[p + 1].": ".CONCEPT[c + 1] at graph 0, graph 1 left offset 0, 0.6
        if (c == 0) {
            do for [s = 0:bars - 1] { set label 100 + s BAR[p * MOST + s + 1] at graph 0, first s right offset -1, 0 }
        }
        set xtics format (p == panels - 1 ? "%.2g" : "")
        set xlabel (p == panels - 1 ? "accuracy lost by the frozen probe" : "") offset 0, 0.5
        plot for [q = 0:2] CSV skip 1 using ($1 == p && $3 == c && $7 == 0 && $8 == q ? ($10 + $11) / 2 : NaN):5:10:11:($5 - 0.36):($5 + 0.36) \
                with boxxyerror fs solid 1 noborder lc rgb part_colour(q), \
            CSV skip 1 using ($1 == p && $3 == c && $7 == 1 ? $11 : NaN):($5 - 0.4):(0):(0.8) \
                with vectors nohead lc rgb "#000000" lw 2, \
            CSV skip 1 using ($1 == p && $3 == c && $7 == 2 ? $11 : NaN):5 \
                with points lc rgb "#000000" pt 6 ps 0.4
        unset label
    }
    above = above + height_of(p) + gap
}
set lmargin at screen 0
set rmargin at screen 1
set tmargin at screen foot / height
set bmargin at screen 0
set xrange [0:width]
set yrange [0:foot]
unset arrow
unset xlabel
unset border
unset tics
unset grid
set label 1 CAPTION at 12, 12 left offset 0, 0 font "DejaVu Sans,9" textcolor rgb "#444444"
do for [q = 0:2] {
    set object q + 1 rectangle from left + 170 * q, 27 to left + 170 * q + 12, 39 fs solid 1 noborder fc rgb part_colour(q)
    set label 10 + q PART[q + 1] at left + 170 * q + 18, 33 left
}
plot NaN notitle
unset multiplot
