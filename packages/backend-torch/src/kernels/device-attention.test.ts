import { describe, expect, it } from 'vitest'
import { theAddon, upload } from '../aten.js'
import { startTorch } from '../backend.js'
import { FLOAT32 } from '../dtypes.js'
import { torchHere, whyNot } from '../test-support/torch-here.js'
import { deviceAttention } from './device-attention.js'

describe.skipIf(!torchHere)(`attention on a device${whyNot}`, async () => {
  if (torchHere) await startTorch({ device: 'cpu', threads: 1 })

  // They run on CUDA only, and are called by position.
  it.each([
    ['_flash_attention_forward', 'query key value cum_seq_q cum_seq_k max_q max_k dropout_p is_causal return_debug_mask'],
    ['_flash_attention_backward', 'grad_out query key value out logsumexp cum_seq_q cum_seq_k max_q max_k dropout_p is_causal'],
    ['_scaled_dot_product_efficient_attention', 'query key value attn_bias compute_log_sumexp dropout_p is_causal'],
    [
      '_scaled_dot_product_efficient_attention_backward',
      'grad_out_ query key value attn_bias out logsumexp philox_seed philox_offset dropout_p grad_input_mask is_causal',
    ],
  ])('knows the arguments of %s', (name, names) => {
    const id = theAddon().operator(`aten::${name}`, '')
    // Before 2.1 there is none with these arguments.
    if (id === undefined || torchHere!.version.startsWith('1.') || torchHere!.version.startsWith('2.0')) return
    const declared = theAddon()
      .schema(id)
      .match(/\(([^*]*)/)![1]!
      .split(', ')
      .map((one) => /([a-z_]+)(=.*)?$/.exec(one)?.[1] ?? '')
    expect(declared.slice(0, names.split(' ').length).join(' ')).toBe(names)
  })

  it('leaves the processor to others', () => {
    const x = upload(new Float32Array(16), [1, 2, 8], FLOAT32)
    expect(deviceAttention({ q: x, k: x, v: x, mask: undefined }, 1)).toBeUndefined()
  })
})
