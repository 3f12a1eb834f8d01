package prose

// The escape sequences of a terminal.
const (
	Bold   = "\x1b[1m"
	Red    = "\x1b[31m"
	Green  = "\x1b[32m"
	Yellow = "\x1b[33m"
	Cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// Paint colors a text for a terminal; without a color it is left as it is.
func Paint(color, text string) string {
	if color == "" {
		return text
	}
	return color + text + reset
}
