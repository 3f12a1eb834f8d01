import { dirname, join, normalize } from 'node:path'
import { defineConfig } from 'vitepress'

const source = 'https://github.com/argocd-seal/argocd-seal-plugin/blob/main/'

// The pages are read on the code host too, where they link to files beside
// docs/. On the site those links lead to the code host.
function outward(href: string, page: string): string {
  if (/^([a-z]+:|#|\/)/.test(href)) return href
  const target = normalize(join('docs', dirname(page), href))
  const isPage = target.startsWith('docs/') && /\.md(#.*)?$/.test(target)
  return isPage ? href : source + target
}

const page = (text: string, link: string) => ({ text, link })

export default defineConfig({
  title: 'argocd-seal',
  description: 'Render, seal and judge manifests beside Argo CD',
  outDir: '../site',
  cacheDir: '../vitepress',
  cleanUrls: true,
  // Other hosts of the site may be below a path: BASE=/docs/ make site
  base: process.env.BASE ?? '/',
  rewrites: { 'README.md': 'index.md', 'runbooks/README.md': 'runbooks/index.md' },
  head: [['meta', { name: 'color-scheme', content: 'light dark' }], ['link', { rel: 'icon', href: 'data:,' }]],
  // Mermaid is large, and loaded where there is a picture.
  vite: { build: { chunkSizeWarningLimit: 1000 } },
  markdown: {
    config(md) {
      const open = md.renderer.rules.link_open ?? ((tokens, i, options, _, self) => self.renderToken(tokens, i, options))
      md.renderer.rules.link_open = (tokens, i, options, env, self) => {
        const href = tokens[i].attrGet('href')
        if (href) tokens[i].attrSet('href', outward(href, env.relativePath.replace(/index\.md$/, 'README.md')))
        return open(tokens, i, options, env, self)
      }
      // The theme draws pictures in the browser.
      const fence = md.renderer.rules.fence!
      md.renderer.rules.fence = (tokens, i, options, env, self) =>
        tokens[i].info.trim() === 'mermaid'
          ? `<pre class="mermaid" v-pre>${md.utils.escapeHtml(tokens[i].content)}</pre>`
          : fence(tokens, i, options, env, self)
      // Angle brackets and braces of references are text, not Vue's.
      const code = md.renderer.rules.code_inline!
      md.renderer.rules.code_inline = (...args) => code(...args).replace('<code', '<code v-pre')
    },
  },
  themeConfig: {
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: source.replace('/blob/main/', '') }],
    nav: [page('Quickstart', '/quickstart'), page('Concepts', '/concepts'), page('plugin.yaml', '/configuration'), page('Errors', '/errors')],
    sidebar: [
      { text: 'Begin', items: [page('Quickstart', '/quickstart'), page('Concepts', '/concepts'), page('Migration', '/migration'), page('Comparison', '/comparison'), page('Questions', '/faq')] },
      { text: 'Write manifests', items: [page('References', '/references'), page('Parameters', '/parameters'), page('Differences', '/diff'), page('In pull requests', '/ci'), page('Errors', '/errors')] },
      { text: 'Run it', items: [page('Install', '/install'), page('Sealing and injections', '/sealing'), page('Bindings and tenants', '/bindings'), page('Environments', '/environments'), page('Policies', '/policies'), page('Images', '/images'), page('Promotion', '/promotion'), page('Init', '/init'), page('Doctor', '/doctor')] },
      { text: 'Keep it running', items: [page('Operations', '/operations'), page('Rotation', '/rotation'), page('Observability', '/observability'), page('Audit', '/audit'), page('Asking the trail', '/audit-queries'), page('Audit sinks', '/audit-sinks'), page('Runbooks', '/runbooks/')] },
      { text: 'Look up', items: [page('plugin.yaml', '/configuration'), page('Command line', '/cli'), page('Compatibility', '/compatibility'), page('How it works', '/how-it-works')] },
      { text: 'Trust it', items: [page('Security', '/security'), page('Threats', '/threats'), page('Advisories', '/advisories'), page('Verification', '/verification'), page('Benchmarks', '/benchmarks')] },
    ],
    footer: { message: 'Apache-2.0' },
  },
  // The sidebar names every page, and nothing that is no page. The runbooks have
  // a list of their own.
  buildEnd({ site, pages }) {
    const links = site.themeConfig.sidebar.flatMap((group) => group.items.map(({ link }) => link.slice(1).replace(/\/$/, '/README') + '.md'))
    const odd = [...links.filter((link) => !pages.includes(link)), ...pages.filter((name) => name !== 'README.md' && !/^runbooks\/[^R]/.test(name) && !links.includes(name))]
    if (odd.length > 0) throw new Error(`sidebar and pages differ: ${odd.join(', ')}`)
  },
})
