package worker

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// wireRequest is a render.Request as it travels: the tree as names and sizes.
type wireRequest struct {
	Path, Root, AppName, Namespace, KubeVersion string
	APIVersions                                 []string
	Parameters                                  render.Parameters
	Limits                                      render.Limits
	Dirs                                        []string
	Files                                       []wireFile
}

// wireFile is one file, whose content follows the frame.
type wireFile struct {
	Name string
	Size int64
}

// writeRequest sends a request. Large files are written from where they lie in
// memory.
func writeRequest(w io.Writer, req render.Request) error {
	header := wireRequest{
		Path: req.Path, Root: req.Root, AppName: req.AppName, Namespace: req.Namespace, KubeVersion: req.KubeVersion,
		APIVersions: req.APIVersions, Parameters: req.Parameters, Limits: req.Limits,
		Dirs: req.Source.Dirs("."),
	}
	var contents [][]byte
	for _, name := range req.Source.Files(".") {
		content, _ := req.Source.File(name)
		header.Files = append(header.Files, wireFile{Name: name, Size: int64(len(content))})
		contents = append(contents, content)
	}
	buffered := bufio.NewWriterSize(w, bufferSize)
	if err := writeGob(buffered, frameRequest, header); err != nil {
		return err
	}
	for _, content := range contents {
		if _, err := buffered.Write(content); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// readRequest is the opposite of writeRequest.
func readRequest(r io.Reader) (render.Request, error) {
	var header wireRequest
	if err := readGob(r, frameRequest, maxRequestHeader, &header); err != nil {
		return render.Request{}, err
	}
	tree := source.NewTree()
	for _, dir := range header.Dirs {
		tree.AddDir(dir)
	}
	for _, file := range header.Files {
		content := make([]byte, file.Size)
		if _, err := io.ReadFull(r, content); err != nil {
			return render.Request{}, unexpected(err)
		}
		tree.Add(file.Name, content)
	}
	return render.Request{
		Source: tree,
		Path:   header.Path, Root: header.Root, AppName: header.AppName, Namespace: header.Namespace, KubeVersion: header.KubeVersion,
		APIVersions: header.APIVersions, Parameters: header.Parameters, Limits: header.Limits,
	}, nil
}

func writeGob(w io.Writer, kind frameKind, value any) error {
	var payload bytes.Buffer
	if err := gob.NewEncoder(&payload).Encode(value); err != nil {
		return err
	}
	return writeFrame(w, kind, payload.Bytes())
}

func readGob(r io.Reader, kind frameKind, limit int64, value any) error {
	_, payload, err := readFrame(r, only(kind, limit))
	if err != nil {
		return err
	}
	return gob.NewDecoder(bytes.NewReader(payload)).Decode(value)
}
