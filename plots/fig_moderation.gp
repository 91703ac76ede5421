# S^F and S^R at the last update by the level of what a suite varies beside arm and pressure.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
y_name = "S"
y_low = 0
y_high = 1
load PLOTS."dots.gp"
