package main

import (
	"context"
	"io"
	"runtime"
	"sync"
	"time"

	repository "github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

const (
	// defaultSocketDir is where the repo-server looks for plugins.
	defaultSocketDir = "/home/argocd/cmp-server/plugins"
	// drain is how long requests in flight may take after SIGTERM; Kubernetes
	// kills a container after 30 seconds unless told otherwise.
	drain = 25 * time.Second
	// intakesPerRender is how many sources may be in memory for each one that
	// is being rendered.
	intakesPerRender = 8
)

type serveOptions struct {
	config, socketDir string
	values            localValues
}

func newServeCommand() *cobra.Command {
	var options serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the plugin to an Argo CD repo-server",
		Long: "Serve the plugin to an Argo CD repo-server over unix sockets, one for the plugin's name and one for each alias.\n" +
			"SIGTERM lets the requests in flight end.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Load(options.config)
			if err != nil {
				return err
			}
			log, err := newLogger(cmd.ErrOrStderr(), file.Seal.Telemetry)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), file, options, log, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&options.config, "config", defaultConfig, "plugin.yaml")
	cmd.Flags().StringVar(&options.socketDir, "socket-dir", defaultSocketDir, "directory of the plugin sockets, shared with the repo-server")
	options.values.addFlags(cmd.Flags())
	return cmd
}

func serve(ctx context.Context, file *config.File, options serveOptions, log *logrus.Logger, stdout io.Writer) error {
	if err := sandbox.Private(); err != nil {
		log.Warn("the kernel does not keep this process' memory from core files and from other processes of the user")
	}
	pool, err := newPool(file.Seal.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	for _, layer := range pool.Layers() {
		log.WithFields(logrus.Fields{"layer": layer.Name, "active": layer.Active, "detail": layer.Detail}).Info("sandbox layer")
	}
	if options.values.wanted() {
		log.Warn("values do not come from Vault, and nobody can unseal what is sealed")
	}
	shown, stopTraces, err := newTelemetry(ctx, file.Seal.Telemetry, log)
	if err != nil {
		return err
	}
	recorder, err := newRecorder(ctx, file.Seal.Audit, shown, log, stdout)
	if err != nil {
		stopTraces()
		return err
	}
	// Each waits up to 3 seconds for others, and drain leaves 5.
	defer func() {
		var tracing sync.WaitGroup
		tracing.Go(stopTraces)
		recorder.close(ctx)
		tracing.Wait()
	}()
	recorder.happened(ctx, audit.Start, "", "argocd-seal "+version+" starts")
	concurrency := file.Seal.Render.Workers.Concurrency
	if concurrency == 0 {
		concurrency = runtime.NumCPU()
	}
	intakes := plugin.NewIntakes(intakesPerRender * concurrency)
	service := &plugin.Service{Intakes: intakes, Log: log}
	current := &live{
		options: options, pool: pool, service: service, log: log, recorder: recorder,
		shown: shown, subjects: telemetry.Subjects{Workers: pool.Stats, Intakes: intakes.Load},
	}
	current.subjects.Rotation = func() (rotation.Stats, bool) { return current.rotating.stats() }
	if recorder != nil {
		service.Audit, current.subjects.Audit = recorder, recorder.behind
	}
	if err := current.start(ctx, file); err != nil {
		return err
	}
	if current.rotating, err = newRotation(ctx, file, options, current.pipeline.Load(), service.Audit, log); err != nil {
		return err
	}
	if current.rotating != nil {
		service.Rendered = current.rotating.rendered
	}
	defer current.rotating.run(ctx, recorder)()
	server := &plugin.Server{
		Service:     service,
		Dir:         options.socketDir,
		Sockets:     file.Sockets(),
		AllowedUIDs: file.Seal.Socket.AllowedUIDs,
		Drain:       drain,
		Telemetry:   shown,
		Log:         log,

		TelemetryAddress: file.Seal.Telemetry.Address,
		Certificates:     current.certificates,
	}
	watched := make(chan struct{})
	watching, stopWatching := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		current.run(watching, configInterval)
	}()
	err = server.Run(ctx, func() {
		log.WithFields(logrus.Fields{"version": version, "sockets": server.Sockets, "dir": options.socketDir}).Info("serving")
	})
	// A server that could not open its socket has ended before ctx.
	stopWatching()
	<-watched
	current.close()
	log.Info("stopped")
	return err
}

// staticParameters are the announcements of plugin.yaml in Argo CD's own type.
func staticParameters(file *config.File) []*repository.ParameterAnnouncement {
	var announcements []*repository.ParameterAnnouncement
	for _, static := range file.Plugin.Spec.Parameters.Static {
		announcements = append(announcements, &repository.ParameterAnnouncement{
			Name: static.Name, Title: static.Title, Tooltip: static.Tooltip, Required: static.Required,
			ItemType: static.ItemType, CollectionType: static.CollectionType,
			String_: static.String, Array: static.Array, Map: static.Map,
		})
	}
	return announcements
}
