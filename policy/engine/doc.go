// Package engine asks the rules of a bundle about an input, by the conventions
// of conftest: deny and violation fail, warn warns, exception lets a rule's
// messages go, and a rule's messages are strings or objects with a msg field.
//
// It differs from conftest where conftest lets something pass that nobody
// judged. A rule that gives anything but a set of messages, an empty message,
// or fails in a builtin is a fault, and the caller denies:
//
//   - deny := true, deny contains 5, deny contains "", deny contains {"m": 1};
//   - a builtin that fails, such as to_number("abc"), which leaves the rule
//     undefined in conftest;
//   - a rule that panics inside OPA or takes longer than the context allows.
//
// A package may have a rule named skip, an addition of ours: where it holds, none
// of the package's rules is asked. It saves time on inputs that the rules would
// not fire on, and other runners, which do not know it, come to the same verdict.
//
// An Engine is safe for concurrent use and keeps nothing between inputs.
package engine
