# S^F at the last update, a column a credit path, a panel an arm.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
y_name = "S^F at N"
y_low = -0.1
y_high = 0.5
load PLOTS."dots.gp"
