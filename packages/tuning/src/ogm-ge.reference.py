# Makes ogm-ge.reference.json (NumPy, double precision): OGM-GE by its equations, for two encoders and one linear layer over [text, image].
import json, sys
import numpy as np

rng = np.random.default_rng(11)
text, image = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
weight, bias = rng.normal(size=(6, 4)), rng.normal(size=4)  # [in, out], text rows first
labels = rng.integers(0, 4, 6)
gradient = rng.normal(size=(4, 3))

def softmax(x):
    power = np.exp(x - x.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)

score = {side: float(softmax(x @ w + bias / 2)[np.arange(6), labels].sum()) for side, x, w in
         [('text', text, weight[:3]), ('image', image, weight[3:])]}
rho = {'text': score['text'] / score['image'], 'image': score['image'] / score['text']}
k = {alpha: {side: float(1 - np.tanh(alpha * max(r, 0)) if r > 1 else 1) for side, r in rho.items()} for alpha in (0.1, 0.8)}
json.dump({
    'text': text.tolist(), 'image': image.tolist(), 'weight': weight.tolist(), 'bias': bias.tolist(), 'labels': labels.tolist(),
    'score': score, 'rho': rho, 'k': k,
    'gradient': gradient.tolist(), 'noiseDeviation': float(gradient.std(ddof=1)) + 1e-8,
}, sys.stdout)
