# What every figure shares. Called by fig_<name>.gp, itself called as
#     gnuplot -d -c fig_<name>.gp <svg> <csv> <caption> <this file>
# Nothing is computed here or there: data files hold final numbers.
set datafile separator ","
set encoding utf8
# The colours of `set colorsequence podo` (Okabe and Ito), which colour-blind readers tell apart, without its yellow, which
# vanishes in print; point types tell the rest.
set linetype 1 lc rgb "#000000"
set linetype 2 lc rgb "#e69f00"
set linetype 3 lc rgb "#56b4e9"
set linetype 4 lc rgb "#009e73"
set linetype 5 lc rgb "#0072b2"
set linetype 6 lc rgb "#d55e00"
set linetype 7 lc rgb "#cc79a7"
set linetype 8 lc rgb "#777777"
set linetype cycle 8
set border 3 lw 1 lc rgb "#444444"
set tics nomirror scale 0.6 textcolor rgb "#222222"
set grid back lw 0.5 lc rgb "#dddddd"
set style line 100 lw 1 lc rgb "#888888"            # zero
set style line 101 lw 1 dt 3 lc rgb "#444444"       # D*, delta, chance
# Names of numbered things: NAME[number + 1] is read from two columns of the data.
array PANEL[256]
array SERIES[256]
longest_panel = 0 # letters
longest_series = 0
name_panel(i, name) = (PANEL[i] = name, longest_panel = strlen(name) > longest_panel ? strlen(name) : longest_panel)
name_series(i, name) = (SERIES[i] = name, longest_series = strlen(name) > longest_series ? strlen(name) : longest_series)
quiet_name(array_number, number, name) = (array_number == 0 ? name_panel(int(number) + 1, name) : name_series(int(number) + 1, name), int(number))
# Room that the titles of panels take, at least so much.
panel_room(least) = 20 + 6.8 * longest_panel > least ? 20 + 6.8 * longest_panel : least
point_type(i) = int(word("7 5 9 13 11 4 6 8", i % 8 + 1))

PLOTS = STYLE[1:strlen(STYLE) - strlen("style.gp")]

# How many names of so many letters fit beside each other.
key_columns_for(room, longest) = (room < 2 * (60 + 6.6 * longest)) ? 1 : int(room / (60 + 6.6 * longest)) > 4 ? 4 : int(room / (60 + 6.6 * longest))
