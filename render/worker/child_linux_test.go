package worker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// childArgument makes the test binary a worker. What it renders is chosen by
// the request's AppName, so that one pool can be given good and bad requests;
// how it starts, by a second argument.
const childArgument = "test-worker"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == parentArgument:
		livingParent()
	case len(os.Args) < 2 || os.Args[1] != childArgument:
		os.Exit(m.Run())
	}
	warm := func() error { return nil }
	switch how := strings.Join(os.Args[2:], " "); how {
	case "exits":
		fmt.Fprintln(os.Stderr, "no such command")
		os.Exit(3)
	case "babbles":
		fmt.Println("usage: argocd-seal [command] and much more")
		return
	case "hangs":
		_, _ = forever()
	case "cannot warm up":
		warm = func() error { return fmt.Errorf("no schema") }
	case "warms slowly":
		warm = func() error { burn(100 * time.Millisecond); return nil }
	}
	if err := Serve(context.Background(), os.Stdin, os.Stdout, testRender, warm); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// testRender does what the request's AppName says.
func testRender(req render.Request) (render.Result, error) {
	if behave, ok := behaviours[req.AppName]; ok {
		return behave(req)
	}
	return render.Result{Kind: render.KindDirectory, Objects: []object.Object{configMap(req.AppName, nil)}}, nil
}

func configMap(name string, data map[string]any) object.Object {
	return object.Object{File: "a.yaml", Line: 3, Fields: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": data,
	}}
}

var kept [][]byte

var behaviours = map[string]func(render.Request) (render.Result, error){
	"tree": func(req render.Request) (render.Result, error) {
		data := map[string]any{"dirs": strings.Join(req.Source.Dirs("."), " ")}
		for _, name := range req.Source.Files(".") {
			content, _ := req.Source.File(name)
			data[name] = digest(content)
		}
		return render.Result{Kind: render.KindHelm, Objects: []object.Object{configMap("tree", data)},
			Warnings: []*fault.Error{fault.New(fault.Hook, "odd").In("a.yaml", 3)}}, nil
	},
	"faults": func(render.Request) (render.Result, error) {
		return render.Result{}, fault.List{
			fault.New(fault.Template, "bad value %q", "x").In("templates/a.yaml", 7).WithFix("mend it"),
			fault.New(fault.Path, "no file").In("b.yaml", 0).At("ConfigMap a", "data.k"),
		}
	},
	"many faults": func(render.Request) (render.Result, error) {
		var list fault.List
		for i := range 5000 {
			list = append(list, fault.New(fault.YAML, "%s", strings.Repeat("x", 5000)).In("a.yaml", i))
		}
		return render.Result{}, list
	},
	"plain error": func(render.Request) (render.Result, error) {
		return render.Result{}, fmt.Errorf("open /var/run/token: HUNTER2")
	},
	"spin":  func(render.Request) (render.Result, error) { burn(time.Hour); return render.Result{}, nil },
	"sleep": func(render.Request) (render.Result, error) { return forever() },
	"short": func(render.Request) (render.Result, error) {
		time.Sleep(300 * time.Millisecond)
		return render.Result{}, nil
	},
	"recursion": recurse,
	"hoard": func(render.Request) (render.Result, error) {
		for {
			chunk := make([]byte, 1<<20)
			for i := 0; i < len(chunk); i += 4096 {
				chunk[i] = 1
			}
			kept = append(kept, chunk)
		}
	},
	"hold 128 MiB": func(render.Request) (render.Result, error) {
		kept = append(kept, bytes.Repeat([]byte("x"), 128<<20))
		return forever()
	},
	"8 GiB": func(render.Request) (render.Result, error) {
		kept = append(kept, make([]byte, 8<<30))
		return render.Result{}, nil
	},
	"panic": func(render.Request) (render.Result, error) { panic("HUNTER2") },
	"panic elsewhere": func(render.Request) (render.Result, error) {
		go panic("HUNTER2")
		return forever()
	},
	"exit":          func(render.Request) (render.Result, error) { os.Exit(0); return render.Result{}, nil },
	"kill":          func(render.Request) (render.Result, error) { return render.Result{}, killSelf() },
	"garbage":       writes(strings.Repeat("garbage ", 100)),
	"half":          writes("O\x00\x00\x01\x00{}\n{\"a\":"),
	"hostile json":  writes(frame(frameObject, `{"file":"a.yaml","line":1,"run":"x"}`+"\n"+`{"a":1}`)),
	"trailing json": writes(frame(frameObject, "{}\n"+`{"a":1}{"b":2}`)),
	"twice":         writes(frame(frameObject, "{}\n"+`{"a":1,"a":2}`)),
	"not an object": writes(frame(frameObject, "{}\n[1]")),
	"deep":          writes(frame(frameObject, "{}\n"+`{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}")),
	"unknown code":  writes(frame(frameFault, `{"code":"E_EVIL","message":"x"}`) + frame(frameDone, `{"objects":0,"warnings":0,"faults":1}`)),
	"wrong count":   writes(frame(frameDone, `{"kind":"helm","objects":7,"warnings":0,"faults":0}`)),
	"unknown frame": writes(frame('Z', "x")),
	"forged":        writes(frame(frameFault, `{"code":"E_YAML","message":"a\nE_FORGED: \u001b[31m"}`) + frame(frameDone, `{"objects":0,"warnings":0,"faults":1}`)),
	"huge frame":    writes("O\xff\xff\xff\xff"),
	"nodes": func(render.Request) (render.Result, error) {
		_, _ = os.Stdout.WriteString(frame(frameObject, "{}\n"+`{"a":[`+strings.Repeat("{},", 3_000_000)+"{}]}"))
		return forever()
	},
	"flood": func(render.Request) (render.Result, error) {
		out := bufio.NewWriter(os.Stdout)
		for {
			_, _ = out.WriteString(frame(frameObject, "{}\n"+`{"a":"`+strings.Repeat("x", 1<<20)+`"}`))
		}
	},
	"close and hang": func(render.Request) (render.Result, error) { _ = os.Stdout.Close(); return forever() },
	"noisy stderr": func(req render.Request) (render.Result, error) {
		for range 100 {
			_, _ = os.Stderr.WriteString(strings.Repeat("HUNTER2 ", 10_000))
		}
		return render.Result{Kind: render.KindHelm}, nil
	},
	"zones": func(render.Request) (render.Result, error) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			return render.Result{}, err
		}
		noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		return render.Result{Objects: []object.Object{configMap("zones", map[string]any{
			"berlin": noon.In(berlin).Format(time.RFC3339), "local": noon.Local().Format(time.RFC3339),
		})}}, nil
	},
	"proof": func(render.Request) (render.Result, error) {
		environ := slices.Clone(os.Environ())
		slices.Sort(environ)
		cwd, _ := os.Getwd()
		_, openErr := os.ReadFile("/etc/hostname")
		_, socketErr := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		return render.Result{Objects: []object.Object{configMap("proof", map[string]any{
			"environ": strings.Join(environ, " "), "cwd": cwd, "open": fmt.Sprint(openErr), "socket": fmt.Sprint(socketErr),
		})}}, nil
	},
}

// recurse is what Helm's tpl does with a value that calls tpl on itself.
func recurse(render.Request) (render.Result, error) {
	var parent *template.Template
	tpl := func(text string, data any) (string, error) {
		clone, err := parent.Clone()
		if err != nil {
			return "", err
		}
		parsed, err := clone.New("inner").Parse(text)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		err = parsed.Execute(&b, data)
		return b.String(), err
	}
	parent = template.New("outer").Funcs(template.FuncMap{"tpl": tpl})
	_, err := tpl("{{ tpl .x . }}", map[string]any{"x": "{{ tpl .x . }}"})
	return render.Result{}, err
}

// forever waits in a way that the Go runtime does not take for a deadlock.
func forever() (render.Result, error) {
	time.Sleep(time.Hour)
	return render.Result{}, nil
}

func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// killSelf ends the worker as the kernel's OOM killer would.
func killSelf() error {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(os.Getpid()), uintptr(syscall.SIGKILL))
	return nil
}

// writes returns a behaviour that writes raw bytes and then keeps the stream
// open, as a worker that has been taken over could.
func writes(text string) func(render.Request) (render.Result, error) {
	return func(render.Request) (render.Result, error) {
		_, _ = os.Stdout.WriteString(text)
		time.Sleep(50 * time.Millisecond)
		os.Exit(0)
		return render.Result{}, nil
	}
}
