# Makes comparisons.reference.json (PyTorch, double precision): what CLIP, FLIP and MAE compute on given tokens, by the equations of their papers,
# with gradients by autograd. Images of 4 x 4 patches of 2 x 2 pixels, widths of 4.
import json, math, sys
import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(7)
def leaf(*shape, scale=1.0):
    return torch.tensor(rng.normal(size=shape).astype(np.float32) * scale, dtype=torch.float64, requires_grad=True)
def flat(x):
    return x.detach().flatten().tolist()

def contrast(scale, image_pooling, text_pooling, aligned=False):
    image, text, mask = leaf(3, 5, 4), leaf(3, 6, 4), torch.tensor([[1.] * 6, [1.] * 4 + [0.] * 2, [1.] * 2 + [0.] * 4], dtype=torch.float64)
    image_proj, text_proj, logit_scale = leaf(4, 3), leaf(4, 3), torch.tensor(scale, dtype=torch.float64, requires_grad=True)
    if aligned:  # Each pair points the same way: a larger scale would lower the loss.
        image_proj, text_proj = [torch.eye(4, dtype=torch.float64)[:, :3].clone().requires_grad_() for _ in range(2)]
        alike = F.pad(1 + 0.25 * torch.eye(3, dtype=torch.float64), (0, 1))[:, None]
        image, text = alike.repeat(1, 5, 1).requires_grad_(), alike.repeat(1, 6, 1).requires_grad_()
    v = image[:, 0] if image_pooling == 'first' else image.mean(1)
    t = text[:, 0] if text_pooling == 'first' else (text * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    clamped = logit_scale.detach().clamp(max=math.log(100)).requires_grad_()
    logits = clamped.exp() * F.normalize(v @ image_proj, dim=-1) @ F.normalize(t @ text_proj, dim=-1).T
    labels = torch.arange(3)
    loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    loss.backward()
    leaves = {'image': image, 'text': text, 'image_proj': image_proj, 'text_proj': text_proj}
    return {
        'scale': scale, 'imagePooling': image_pooling, 'textPooling': text_pooling, 'mask': flat(mask), 'loss': loss.item(),
        'values': {name: flat(x) for name, x in leaves.items()},
        'gradients': {**{name: flat(x.grad) for name, x in leaves.items()}, 'logit_scale': [clamped.grad.item()]},
    }

def sin_cos(grid, width):
    """Class row, then rows of patches: half of the width for the column, half for the row."""
    omega = 1 / 10000 ** (np.arange(width // 4) / (width // 4))
    def of(position):
        return np.concatenate([np.sin(np.outer(position, omega)), np.cos(np.outer(position, omega))], 1)
    rows, columns = np.meshgrid(np.arange(grid), np.arange(grid), indexing='ij')
    return torch.tensor(np.concatenate([np.zeros((1, width)), np.concatenate([of(columns.ravel()), of(rows.ravel())], 1)]))

def mae(norm_pix):
    batch, patches, keep, width = 2, 16, 4, 4
    image = torch.tensor(rng.normal(size=(batch, 8, 8, 3)).astype(np.float32), dtype=torch.float64)
    noise = torch.tensor(rng.random((batch, patches)).astype(np.float32))
    shuffle = noise.argsort(1)
    restore = shuffle.argsort(1)
    hidden = torch.ones(batch, patches, dtype=torch.float64)
    hidden[:, :keep] = 0
    hidden = hidden.gather(1, restore)
    tokens, embed, embed_bias, mask_token = leaf(batch, 1 + keep, 4), leaf(4, width), leaf(width), leaf(width)
    norm, norm_bias, pred, pred_bias = leaf(width), leaf(width), leaf(width, 12), leaf(12)
    x = tokens @ embed + embed_bias
    full = torch.cat([x[:, 1:], mask_token.expand(batch, patches - keep, width)], 1)
    full = torch.cat([x[:, :1], full.gather(1, restore[..., None].expand(-1, -1, width))], 1) + sin_cos(4, width)
    y = F.layer_norm(full, (width,), norm, norm_bias, 1e-5)[:, 1:] @ pred + pred_bias
    target = image.reshape(batch, 4, 2, 4, 2, 3).permute(0, 1, 3, 2, 4, 5).reshape(batch, patches, 12)
    if norm_pix:
        target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    loss = (((y - target) ** 2).mean(-1) * hidden).sum() / hidden.sum()
    loss.backward()
    leaves = {'tokens': tokens, 'decoder_embed.weight': embed, 'decoder_embed.bias': embed_bias, 'mask_token': mask_token,
              'decoder_norm.weight': norm, 'decoder_norm.bias': norm_bias, 'decoder_pred.weight': pred, 'decoder_pred.bias': pred_bias}
    return {'normPixLoss': norm_pix, 'image': flat(image), 'noise': noise.tolist(), 'loss': loss.item(),
            'values': {name: flat(x) for name, x in leaves.items()}, 'gradients': {name: flat(x.grad) for name, x in leaves.items()}}

log_scale = math.log(1 / 0.07)
json.dump({
    'clip': contrast(log_scale, 'first', 'first'),
    'flip': contrast(log_scale, 'mean', 'first'),
    'mean': contrast(log_scale, 'mean', 'mean-non-pad'),
    'clamped': contrast(5.0, 'first', 'first'),
    'aligned': contrast(5.0, 'first', 'first', aligned=True),
    'mae': mae(True), 'maeRaw': mae(False),
}, sys.stdout)
