# Makes tsne.reference.json (scikit-learn 1.9.1, numpy 2.4): the probabilities of pairs of 15 points at perplexity 4, which scikit-learn computes in float32,
# and the divergences that its exact t-SNE reaches for 120 points in three groups from ten random starts.
import json, sys
import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities

rng = np.random.default_rng(2)
few = np.round(rng.normal(size=(15, 6)), 3)
joint = _joint_probabilities(squareform(pdist(few, 'sqeuclidean')).astype(np.float32), 4, 0)
many = np.round(rng.normal(size=(120, 8)) + np.repeat(4 * rng.normal(size=(3, 8)), 40, axis=0), 3)
divergences = [TSNE(perplexity=20, init='random', method='exact', max_iter=1000, random_state=seed).fit(many).kl_divergence_ for seed in range(10)]
json.dump({'few': few.tolist(), 'joint': [float(f'{p:.8g}') for p in joint], 'many': many.tolist(), 'divergences': [round(float(d), 4) for d in divergences]}, sys.stdout)
