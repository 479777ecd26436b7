# Makes class-metrics.reference.json (scikit-learn 1.9.1). Specificity is not in scikit-learn: TN / (TN + FP) of its one-vs-rest
# confusion matrices, averaged over the classes, which is what imbalanced-learn's specificity_score(average='macro') computes.
# `partial`: class 3 is neither a truth nor a prediction, class 2 is never predicted; roc_auc_score does not take a class without a truth.
import json, sys
import numpy as np
from sklearn.metrics import (accuracy_score, confusion_matrix, f1_score, multilabel_confusion_matrix,
                             precision_score, recall_score, roc_auc_score)

def case(truth, logits, auc):
    power = np.exp(logits - logits.max(1, keepdims=True))
    probability = power / power.sum(1, keepdims=True)
    given = logits.argmax(1)
    tn, fp = (multilabel_confusion_matrix(truth, given)[:, 0, i] for i in (0, 1))
    macro = dict(average='macro', zero_division=0)
    return {
        'truth': truth.tolist(),
        'logits': logits.tolist(),
        'confusion': confusion_matrix(truth, given, labels=range(logits.shape[1])).tolist(),
        'metrics': {
            'accuracy': accuracy_score(truth, given),
            **({'auc': roc_auc_score(truth, probability, multi_class='ovr', average='macro')} if auc else {}),
            'sensitivity': recall_score(truth, given, **macro),
            'specificity': float(np.mean(tn / (tn + fp))),
            'precision': precision_score(truth, given, **macro),
            'f1': f1_score(truth, given, **macro),
        },
    }

rng = np.random.default_rng(5)
full = rng.integers(0, 4, 30)
# Coarse logits, so that probabilities tie.
logits = np.round(rng.normal(size=(30, 4)) * 2 + 1.5 * np.eye(4)[full]) / 2
partial = rng.choice([0, 1, 2], 12)
few = np.round(rng.normal(size=(12, 4)) * 4) / 4
few[:, 2:] -= 20
json.dump({'full': case(full, logits, True), 'partial': case(partial, few, False)}, sys.stdout)
