import { useData, useRoute } from 'vitepress'
import theme from 'vitepress/theme'
import { nextTick, onMounted, watch } from 'vue'
import './pictures.css'

// draw replaces the text of pictures by what it says, and those that were drawn
// for the other colours by new ones.
async function draw(dark: boolean) {
  const pictures = [...document.querySelectorAll<HTMLElement>('.mermaid')]
  if (pictures.length === 0) return
  const { default: mermaid } = await import('mermaid')
  mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: dark ? 'dark' : 'default', flowchart: { useMaxWidth: false } })
  for (const picture of pictures) {
    picture.dataset.text ??= picture.textContent ?? ''
    picture.textContent = picture.dataset.text
    delete picture.dataset.processed
  }
  await mermaid.run({ nodes: pictures })
}

export default {
  extends: theme,
  setup() {
    const { isDark } = useData()
    const route = useRoute()
    // One after the other: mermaid cannot draw a picture twice at a time.
    let drawn = Promise.resolve()
    const again = () => nextTick(() => (drawn = drawn.then(() => draw(isDark.value))))
    onMounted(again)
    watch([() => route.path, isDark], again)
  },
}
