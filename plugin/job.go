package plugin

import (
	"encoding/json"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// EnvironmentJob reads a job, but for its files, from the environment of a
// process that argocd-cmp-server started: pairs of NAME=VALUE.
func EnvironmentJob(environ []string) (Job, error) {
	pairs := make([][2]string, 0, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		pairs = append(pairs, [2]string{name, value})
	}
	env, err := parseEnvironment(pairs)
	if err != nil {
		return Job{}, err
	}
	return env.job()
}

// job is all of a request but its files.
func (env environment) job() (Job, error) {
	identity, err := env.identity()
	if err != nil {
		return Job{}, err
	}
	parameters, err := ParseParameters(env["ARGOCD_APP_PARAMETERS"])
	if err != nil {
		return Job{}, err
	}
	return Job{
		Identity:    identity,
		KubeVersion: env["KUBE_VERSION"],
		APIVersions: env.apiVersions(),
		Parameters:  parameters,
	}, nil
}

// ParseAssignments reads parameters as the command line gives them. Each of
// assignments is name=value; a list is one assignment for each item, a map one
// name=key=value for each key. Each of objects is one parameter in JSON, as it
// stands in an Application.
func ParseAssignments(assignments, objects []string) ([]Parameter, error) {
	var parameters []Parameter
	byName := map[string]int{}
	for _, assignment := range assignments {
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			return nil, fault.New(fault.Parameter, "%q is not name=value", fault.Clean(assignment, 80)).
				WithFix("write --param NAME=VALUE, and --param NAME=KEY=VALUE for one that is a map")
		}
		spec, unknown := findSpec(name)
		if unknown != nil {
			return nil, unknown
		}
		at, known := byName[name]
		if !known {
			at = len(parameters)
			byName[name] = at
			parameters = append(parameters, Parameter{Name: name})
		}
		if err := parameters[at].assign(spec, value); err != nil {
			return nil, err
		}
	}
	for _, text := range objects {
		var parameter Parameter
		if err := json.Unmarshal([]byte(text), &parameter); err != nil {
			return nil, fault.New(fault.Parameter, "%q is not a parameter in JSON", fault.Clean(text, 80)).
				WithFix(`write {"name": "helm-parameters", "map": {"a": "b"}}`)
		}
		parameters = append(parameters, parameter)
	}
	return parameters, nil
}

// assign adds one value; a later string replaces an earlier one.
func (p *Parameter) assign(spec ParameterSpec, value string) error {
	switch spec.Collection {
	case CollectionArray:
		if p.Array == nil {
			p.Array = &[]string{}
		}
		*p.Array = append(*p.Array, value)
	case CollectionMap:
		key, item, found := strings.Cut(value, "=")
		if !found {
			return parameterFault(p.Name, "takes name=key=value")
		}
		if p.Map == nil {
			p.Map = &map[string]string{}
		}
		(*p.Map)[key] = item
	default:
		p.String = &value
	}
	return nil
}
