// Package attest reads what was attested of an image, and judges it by the
// platform's rules: who built it from which source, which vulnerabilities a
// scanner found in it, and what it is made of.
//
// [Read] takes in-toto statements whose signatures somebody else has verified
// and makes [Facts] of them; [Rules.Judge] holds facts against rules. Nothing
// here has a network, a file or a clock.
//
// A verified signature says who signed, and nothing of what was signed: whoever
// can run the build chooses most of the text. So a statement is read strictly.
// Two equal keys, an unknown form or a text where a list belongs leave the
// whole statement out, because another reader could take it for something else;
// a statement that is left out can only ever lack. Everything is bounded.
//
// The JSON is decoded here and not by the libraries of the single formats: they
// use encoding/json, which takes the last of two equal keys and matches names
// without regard to case, and a handful of fields is all that is needed of
// formats with hundreds.
package attest
