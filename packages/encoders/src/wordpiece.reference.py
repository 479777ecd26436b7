# Prints the hash that wordpiece.test.ts holds: the ids that tokenizers 0.23.2 of HuggingFace gives the 3,442 texts of the golden files with the vocabulary
# of MIMIC reports, a line of ids a text. Run with the folder of the tokenizers: python wordpiece.reference.py ../shared/data/tokenizers
import hashlib, json, sys
from tokenizers import Tokenizer

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f'{folder}/mimic-wordpiece/tokenizer.json')
texts = [json.loads(line)['text'] for line in open(f'{folder}/golden-bert-base-uncased.jsonl', encoding='utf8')]
lines = [','.join(map(str, tokenizer.encode(text).ids)) for text in texts]
print(len(lines), hashlib.sha256('\n'.join(lines).encode()).hexdigest())
