package source

import "cmp"

// Limits bound what one source may cost. They are counted while reading: no
// size that a header or a message claims is believed. A field that is zero or
// less means its default, so that the zero value is safe.
type Limits struct {
	// CompressedBytes bounds the archive as it was sent; a directory has none.
	CompressedBytes int64
	// ExpandedBytes bounds the archive after decompression, headers and dropped
	// entries included, and also the content of all files together, where a
	// symbolic link counts as a file of its own.
	ExpandedBytes int64
	// FileBytes bounds one file.
	FileBytes int64
	// Ratio bounds how many bytes one compressed byte may become. It counts only
	// once RatioFreeBytes have been expanded: small repositories of similar
	// files compress very well.
	Ratio          int64
	RatioFreeBytes int64
	// Entries bounds how many files, directories and links there are.
	Entries int
	// NamesBytes bounds the names of all entries together.
	NamesBytes int64
	// NameBytes and Segments bound one name and the directories in it.
	NameBytes int
	Segments  int
	// LinkHops bounds how many symbolic links lead to one file.
	LinkHops int
}

// DefaultLimits returns the limits that hold where the platform sets none.
func DefaultLimits() Limits {
	return Limits{
		CompressedBytes: 64 << 20,
		ExpandedBytes:   256 << 20,
		FileBytes:       16 << 20,
		Ratio:           200,
		RatioFreeBytes:  8 << 20,
		Entries:         20_000,
		NamesBytes:      4 << 20,
		NameBytes:       1024,
		Segments:        32,
		LinkHops:        8,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		CompressedBytes: positive(l.CompressedBytes, d.CompressedBytes),
		ExpandedBytes:   positive(l.ExpandedBytes, d.ExpandedBytes),
		FileBytes:       positive(l.FileBytes, d.FileBytes),
		Ratio:           positive(l.Ratio, d.Ratio),
		RatioFreeBytes:  positive(l.RatioFreeBytes, d.RatioFreeBytes),
		Entries:         positive(l.Entries, d.Entries),
		NamesBytes:      positive(l.NamesBytes, d.NamesBytes),
		NameBytes:       positive(l.NameBytes, d.NameBytes),
		Segments:        positive(l.Segments, d.Segments),
		LinkHops:        positive(l.LinkHops, d.LinkHops),
	}
}

func positive[N int | int64](n, fallback N) N { return cmp.Or(max(n, 0), fallback) }
