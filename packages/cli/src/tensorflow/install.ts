import { probeBackend } from '@unidiag/core/backend/probe'
import { UniDiagError } from '@unidiag/core/errors'
import { compileBinding } from './binding.js'
import { officialInstall } from './official.js'
import { findPackage } from './package.js'
import { installWheel } from './wheel.js'

export interface InstallOptions {
  readonly gpu: boolean
  /** Gets one line for everything that is done. */
  readonly say: (line: string) => void
}

/**
 * Gives @tensorflow/tfjs-node or -gpu of the project in the working directory its native part: by its own installer, or where that cannot download
 * or what it brings does not load, by pip's TensorFlow and the package's own binding compiled against it. Done again, it keeps what works.
 * @throws UniDiagError BACKEND_UNAVAILABLE with what to do
 */
export async function installTensorFlow({ gpu, say }: InstallOptions): Promise<void> {
  const engine = gpu ? 'tensorflow-gpu' : 'tensorflow'
  const tfjsNode = await findPackage(gpu, say)
  const works = async (how: string): Promise<string | undefined> => {
    const { usable, problem } = await probeBackend(engine)
    if (usable) say(`${engine} works: ${how}`)
    return usable ? undefined : problem
  }
  if ((await works('nothing was to be done')) === undefined) return

  say(`${tfjsNode.name}: its own installer`)
  const refused = await officialInstall(tfjsNode, gpu)
  if (refused) say(`it cannot install: ${refused}`)
  else {
    const problem = await works('its own installer brought it')
    if (problem === undefined) return
    say(problem)
  }

  say("TensorFlow's wheel through pip, and the binding compiled against it")
  const tensorflow = await installWheel(gpu, say)
  await compileBinding(tfjsNode, tensorflow)
  const problem = await works(`TensorFlow ${tensorflow.version} of ${tensorflow.folder}`)
  if (problem !== undefined)
    throw new UniDiagError('BACKEND_UNAVAILABLE', `everything is installed, but ${problem}`, { fix: 'Do what `unidiag doctor` says for it.' })
}
