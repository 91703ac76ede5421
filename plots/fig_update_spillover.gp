# Spillover S against updates of pressure: what happens after the dose is reached.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
stats CSV skip 1 using 7 name "X" nooutput
x_column = 7
x_low = -0.02 * X_max
x_high = 1.04 * X_max
x_step = X_max > 400 ? 200 : X_max > 40 ? 80 : 10
x_name = "updates of pressure"
marked_x = -1
load PLOTS."curves.gp"
