# Spillover S against dose D.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
x_column = 8
x_low = -0.05
x_high = 1.05
x_step = 0.25
x_name = "dose D"
marked_x = 0.75
load PLOTS."curves.gp"
