package prose

import "fmt"

// Several names a number of things, such as "1 object" and "3 objects". It is for
// nouns whose plural is made with an s.
func Several(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}
