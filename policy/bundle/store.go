package bundle

import (
	"context"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// store is the data document of a bundle. It never changes, so that no request
// sees what another one brought: conftest writes the name of the judged file
// into a shared store, and two requests at once read each other's. Facts of one
// request travel in its transaction instead.
type store struct {
	storage.WritesNotSupported
	storage.PolicyNotSupported
	storage.TriggersNotSupported
	root ast.Value
}

// transaction is the view of one evaluation: the bundle's data below the facts
// of the request.
type transaction struct {
	facts map[string]ast.Value
}

// ID implements [storage.Transaction]. Nothing is kept under it.
func (*transaction) ID() uint64 { return 1 }

// NewTransaction implements [storage.Store] for evaluations without facts.
func (*store) NewTransaction(context.Context, ...storage.TransactionParams) (storage.Transaction, error) {
	return &transaction{}, nil
}

// Commit and Abort implement [storage.Store]; there is nothing to keep.
func (*store) Commit(context.Context, storage.Transaction) error { return nil }

// Abort implements [storage.Store].
func (*store) Abort(context.Context, storage.Transaction) {}

// Truncate implements [storage.Store] and is refused.
func (*store) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr, Message: "the data of a bundle does not change"}
}

// Read implements [storage.Store].
func (s *store) Read(_ context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	facts := txn.(*transaction).facts
	if len(path) == 0 {
		return s.whole(facts), nil
	}
	value, rest := s.root, path
	if fact, ok := facts[path[0]]; ok {
		value, rest = fact, path[1:]
	}
	for _, key := range rest {
		next, ok := child(value, key)
		if !ok {
			return nil, &storage.Error{Code: storage.NotFoundErr, Message: path.String()}
		}
		value = next
	}
	return value, nil
}

// whole returns the root with the facts in it, for a policy that reads data as
// one document.
func (s *store) whole(facts map[string]ast.Value) ast.Value {
	if len(facts) == 0 {
		return s.root
	}
	root := ast.NewObject()
	if data, ok := s.root.(ast.Object); ok {
		data.Foreach(root.Insert)
	}
	for name, fact := range facts {
		root.Insert(ast.StringTerm(name), ast.NewTerm(fact))
	}
	return root
}

func child(value ast.Value, key string) (ast.Value, bool) {
	switch value := value.(type) {
	case ast.Object:
		term := value.Get(ast.StringTerm(key))
		if term == nil {
			return nil, false
		}
		return term.Value, true
	case *ast.Array:
		index, err := strconv.Atoi(key)
		if err != nil || index < 0 || index >= value.Len() {
			return nil, false
		}
		return value.Elem(index).Value, true
	default:
		return nil, false
	}
}
