package notation

// Unfenced is [Verifier.Verify] without the fence, so that a fuzz target sees
// what panics behind it.
var Unfenced = (*Verifier).verify
