package threats

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// panicking is a stage with a fault: nothing that can be sent makes one panic.
type panicking struct{ with string }

func (p panicking) Render(context.Context, render.Request) (render.Result, error) { panic(p.with) }

func TestO2PanicsSayNothing(t *testing.T) {
	row(t)
	s := &sidecar{t: t, watch: canary.Over(t), dir: t.TempDir()}
	log := logrus.New()
	log.SetOutput(s.watch.Writer("log"))
	log.SetLevel(logrus.TraceLevel)
	service := &plugin.Service{Intakes: plugin.NewIntakes(1), Log: log}
	service.Use(plugin.Settings{
		Pipeline: &plugin.Pipeline{Renderer: panicking{s.watch.Secret(canary.Draw())}}, Archive: source.DefaultLimits(), Timeout: time.Minute,
	})
	server := &plugin.Server{Service: service, Dir: s.dir, Sockets: []string{"seal.sock"}, Drain: time.Second, Log: log, Telemetry: telemetry.New("test")}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	<-ready
	defer func() { cancel(); must(t, <-done) }()
	conn, err := grpc.NewClient("unix:"+filepath.Join(s.dir, "seal.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer func() { _ = conn.Close() }()
	s.client = apiclient.NewConfigManagementPluginServiceClient(conn)
	for range 2 {
		a := s.ask(t, files{"app/a.yaml": configMap})
		if !regexp.MustCompile(`^E_INTERNAL: the plugin failed, id [A-Z0-9]+; fix: `).MatchString(a.text()) {
			t.Errorf("a panic gives %q", a.text())
		}
	}
}
