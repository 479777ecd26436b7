import { z } from 'zod'

// What is read of the JSON files; everything else in them is left alone.
const numbers = z.record(z.string(), z.number())
const losses = z.looseObject({
  feal_loss: z.number(),
  feai_loss: z.number(),
  mlm_loss: z.number(),
  mim_loss: z.number(),
  itm_loss: z.number(),
})
const sizes = [
  'image_size',
  'patch',
  'vit_width',
  'vit_depth',
  'vit_heads',
  'vocab',
  'text_width',
  'text_depth',
  'text_heads',
  'text_ffn',
  'max_pos',
  'text_len',
  'hidden',
  'heads',
  'fusion',
  'mlp_ratio',
  'dec_width',
  'dec_depth',
  'dec_heads',
  'batch',
  'vqa_labels',
] as const

export const pretrainSchema = z.looseObject({
  settings: z.looseObject({
    ...(Object.fromEntries(sizes.map((name) => [name, z.int().positive()])) as Record<(typeof sizes)[number], z.ZodInt>),
    mim_prob: z.number(),
  }),
  config: z.looseObject({
    learning_rate: z.number(),
    weight_decay: z.number(),
    lr_multiplier_head: z.number(),
    lr_multiplier_multi_modal: z.number(),
    max_steps: z.int(),
    warmup_steps: z.number(),
    mim_layer: z.int(),
    norm_pix_loss: z.boolean(),
  }),
  losses_step0: losses,
  raw_losses_step0: losses,
  total_step0: z.number(),
  steps: z.array(losses.extend({ lrs: z.array(z.number()), total: z.number() })).min(1),
  ema_decay: z.number(),
  groups: z
    .array(
      z.looseObject({
        weight_decay: z.number(),
        initial_lr: z.number(),
        betas: z.tuple([z.number(), z.number()]),
        eps: z.number(),
        names: z.array(z.string()),
      }),
    )
    .min(1),
  grad_l2: numbers,
  params_without_grad: z.array(z.string()),
  /** Columns: `order` holds the parameter names of the others. */
  per_loss_grad_l2: z.record(z.string(), z.array(z.union([z.string(), z.number(), z.null()]))),
  feamim_student_parameters_with_nonzero_gradient: z.array(z.string()),
  derived_feamim_visible_tokens_raw: z.number(),
  derived_feamlm_without_padding_raw: z.number(),
})

const task = z.looseObject({
  loss: z.number(),
  score_text: z.number(),
  score_image: z.number(),
  rho_text: z.number(),
  rho_image: z.number(),
  k_text: z.number(),
  k_image: z.number(),
  params_without_grad: z.array(z.string()),
  grad_l2_before: numbers,
  cosine_schedule_lrs: z.array(z.array(z.number())).min(1),
  groups: z.array(z.looseObject({ weight_decay: z.number(), initial_lr: z.number(), names: z.array(z.string()), count: z.int() })),
})

export const downstreamSchema = z.looseObject({
  vqa: task.extend({
    names_scaled_by_k_text: z.array(z.string()),
    names_scaled_by_k_image: z.array(z.string()),
    names_not_modulated: z.array(z.string()),
    grad_l2_modulated: numbers,
    noise_std: numbers,
    loss_bce_times_labels_code: z.number(),
    loss_cross_entropy_paper_form: z.number(),
    metric: numbers,
  }),
  cls: task.extend({ metric: numbers }),
  irtr: task,
})

export const retrievalSchema = z.looseObject({
  /** Image by text. */
  scores: z.array(z.array(z.number())).min(1),
  image_ids: z.array(z.number()),
  text_image_ids: z.array(z.number()),
  ir_r1: z.number(),
  ir_r5: z.number(),
  ir_r10: z.number(),
  tr_r1: z.number(),
  tr_r5: z.number(),
  tr_r10: z.number(),
})

export const tdCalibSchema = z.looseObject({
  total: z.number(),
  feal_loss: z.number(),
  feai_loss: z.number(),
  mlm_loss: z.number(),
  mim_loss: z.number(),
  feal_raw: z.number(),
  feai_raw: z.number(),
  grad_l2: numbers,
})

export const m3aeSchema = z.looseObject({
  mim_layer: z.int(),
  pretrain: z.looseObject({ total: z.number(), mlm_loss: z.number(), mim_loss: z.number(), itm_loss: z.number(), grad_l2: numbers }),
  vqa: z.looseObject({ loss: z.number(), loss_cross_entropy_paper_form: z.number() }),
  cls: z.looseObject({ loss: z.number() }),
  irtr: z.looseObject({ loss: z.number() }),
})
