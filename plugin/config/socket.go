package config

// argoCDUID is the user that Argo CD's images run as.
const argoCDUID = 999

// Socket is the section socket.
type Socket struct {
	// User ids whose processes may call the plugin, besides the sidecar's own.
	// The repo-server runs as 999 unless its image was changed.
	AllowedUIDs []int `json:"allowedUIDs" range:"0..4294967294"`
}

func defaultSocket() Socket { return Socket{AllowedUIDs: []int{argoCDUID}} }
