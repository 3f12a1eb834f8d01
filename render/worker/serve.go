package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
	_ "time/tzdata" // templates name time zones, and a worker cannot read /usr/share/zoneinfo

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// Serve is a worker's life: it applies the sandbox that the parent asks for on
// stdin, calls warm, reports on stdout that it is ready, renders one request
// and returns. Nothing else may write to stdout.
//
// The restrictions stay on the process, so the caller exits afterwards. An
// error means that the parent went away or broke the protocol; that the
// sandbox, warm or renderFunc failed is told to the parent and is no error
// here. The parent ends a worker by SIGKILL; ctx is looked at between steps.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer, renderFunc func(render.Request) (render.Result, error), warm func() error) error {
	in, out := bufio.NewReaderSize(stdin, bufferSize), bufio.NewWriterSize(stdout, bufferSize)
	var config sandbox.Config
	if err := readGob(in, frameSetup, maxControl, &config); err != nil {
		return fmt.Errorf("read the worker's setup: %w", err)
	}
	layers, err := prepare(config, warm)
	if err != nil {
		return errors.Join(writeAnswer(out, render.Result{}, err), out.Flush())
	}
	if err := errors.Join(writeJSON(out, frameReady, layers), out.Flush(), ctx.Err()); err != nil {
		return err
	}
	req, err := readRequest(in)
	if errors.Is(err, io.EOF) {
		return nil // the parent had no request for this worker
	}
	if err := errors.Join(err, ctx.Err()); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	result, err := protected(func() (render.Result, error) { return renderFunc(req) })
	return errors.Join(writeAnswer(out, result, err), out.Flush())
}

// bufferSize is that of a pipe on Linux.
const bufferSize = 64 << 10

// prepare confines the process and warms the engines up inside of what is left
// to it, so that a need which the sandbox does not meet shows before a request.
func prepare(config sandbox.Config, warm func() error) ([]sandbox.Layer, error) {
	time.Local = time.UTC // same input, same bytes, wherever the sidecar runs
	layers, err := sandbox.Apply(config)
	if err != nil {
		return nil, err
	}
	_, err = protected(func() (render.Result, error) { return render.Result{}, warm() })
	if err != nil {
		return nil, fault.New(fault.Internal, "the worker cannot warm up: %s", fault.Clean(err.Error(), maxPart))
	}
	runtime.GC() // the request finds an empty heap of pages that are already there
	return layers, nil
}

// protected turns a panic into a fault with a fixed text: what was panicked
// with may quote the source, or name types of libraries that help nobody.
func protected(run func() (render.Result, error)) (result render.Result, err error) {
	defer func() {
		if recover() != nil {
			result, err = render.Result{}, crashFault("rendering stopped on input that the renderer does not expect")
		}
	}()
	return run()
}

// crashFault is E_RENDER_CRASH with the advice that fits all its causes.
func crashFault(message string) *fault.Error {
	return fault.New(fault.RenderCrash, "%s", message).
		WithFix("undo the last change of the application; look for a template or an anchor that refers to itself")
}
