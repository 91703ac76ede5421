# Breaks CAPTION into lines that fit into `width`, and makes room for them in `foot`; its first stands at caption_y. Loaded
# before the height is settled.
fit = int((width - 24) / 5.3) # letters of the caption's font in a line
line = ""
lines = ""
caption_y = 14
do for [i = 1:words(CAPTION)] {
    next_word = word(CAPTION, i)
    if (strlen(line) + 1 + strlen(next_word) > fit) {
        lines = lines.line."\n"
        line = next_word
        foot = foot + 12
        caption_y = caption_y + 12
    } else { line = strlen(line) ? line." ".next_word : next_word }
}
CAPTION = lines.line
