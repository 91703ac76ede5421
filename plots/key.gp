# The key of a figure with numbered series, and its caption, in a strip along the bottom; loaded last, inside multiplot.
# Uses width, height, left, foot, key_height, key_columns, series.
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
set label 1 CAPTION at 12, (exists("caption_y") ? caption_y : 14) left font "DejaVu Sans,9" textcolor rgb "#444444"
do for [s = 0:series - 1] {
    x = left + (s % key_columns) * (width - left) / key_columns
    y = foot + key_height - 12 - 20 * (s / key_columns)
    set arrow 10 + s from x, y to x + 26, y nohead lc s + 1 dt int(s / 8.0) + 1 lw 2
    set label 1000 + s "" at x + 13, y point lc s + 1 pt point_type(s) ps 0.6
    set label 10 + s SERIES[s + 1] at x + 32, y left
}
plot NaN notitle
