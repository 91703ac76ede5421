# Bits of a position, of the best one, of the whole step: a panel an arm.
SVG = ARG1; CSV = ARG2; CAPTION = ARG3; STYLE = ARG4
load STYLE
y_name = "bits"
y_low = 0
y_high = 1
load PLOTS."dots.gp"
