# Makes bert.reference.safetensors: a tiny random BertForPreTraining of transformers 5.18 (torch 2.13) under the hub's names, and what it computes for two
# texts. All of its tensors are under `weights.`, inputs and hidden states (0 = embeddings) beside them. Every text is of token type 0.
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining

torch.manual_seed(3)
config = BertConfig(vocab_size=40, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, max_position_embeddings=10,
                    hidden_act='gelu', layer_norm_eps=1e-12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = BertForPreTraining(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.3)
ids = torch.tensor([[2, 7, 39, 11, 5, 8, 30, 3], [2, 21, 9, 3, 0, 0, 0, 0]])
mask = (ids != 0).long()
with torch.no_grad():
    hidden = model.bert(ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids), output_hidden_states=True).hidden_states
tensors = {f'weights.{name}': value.clone().contiguous() for name, value in model.state_dict().items() if value.dtype == torch.float32}
tensors |= {'ids': ids, 'mask': mask, **{f'hidden.{i}': value.contiguous() for i, value in enumerate(hidden)}}
save_file(tensors, 'bert.reference.safetensors')
