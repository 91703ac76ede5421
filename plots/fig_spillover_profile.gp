# Share of seeds whose spillover lies above tau: a panel a design, a step line a medium.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using (quiet_name(0, $1, strcol(2))) name "P" nooutput
stats CSV skip 1 using (quiet_name(1, $3, strcol(4))) name "S" nooutput
panels = int(P_max) + 1
series = int(S_max) + 1
panel_width = panel_room(300.0)
panel_height = 200.0
left = 62.0
top = 30.0
width = left + panels * panel_width + 14
key_columns = key_columns_for(width - left, longest_series)
key_height = 20.0 * ((series + key_columns - 1) / key_columns) + 8
foot = 34.0
load PLOTS."caption.gp"
body = panel_height + 44
height = top + body + key_height + foot
set terminal svg size width, height noenhanced font "DejaVu Sans,11" background rgb "white"
set output SVG
set multiplot
set xrange [-0.5:1]
set yrange [-0.03:1.03]
set xtics 0.25 format "%.3g"
unset key
do for [p = 0:panels - 1] {
    set lmargin at screen (left + p * panel_width) / width
    set rmargin at screen (left + (p + 1) * panel_width - 34) / width
    set tmargin at screen 1 - top / height
    set bmargin at screen 1 - (top + panel_height) / height
    set title PANEL[p + 1] offset 0, -0.6
    set ytics 0.25 format (p == 0 ? "%.2g" : "")
    set ylabel (p == 0 ? "share of seeds with S above τ" : "") offset 1, 0
    set xlabel "τ" offset 0, 0.6
    set arrow 1 from 0, graph 0 to 0, graph 1 nohead ls 100
    plot for [s = 0:series - 1] CSV skip 1 using ($1 == p && $3 == s ? $5 : NaN):6 with lines lc s + 1 lw 1.6
}
load PLOTS."key.gp"
unset multiplot
