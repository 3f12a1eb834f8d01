//go:build !linux

package sandbox

import "errors"

// apply reports every layer as unavailable: the sidecar runs on Linux, and a
// laptop with another system renders its owner's own files.
func apply(Config) []Layer {
	var layers []Layer
	for _, name := range Names() {
		layers = append(layers, layer(name, "", errors.New("only Linux has it")))
	}
	return layers
}
