package kyverno

// Operators returns the names of the operators of conditions.
var Operators = operatorNames
