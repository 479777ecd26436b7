# Makes pillow.reference.json with Pillow 12.3: pictures of three data sets, decoded, resized (shorter side to 32, bicubic), cut to the central square and
# converted as the reference does it (transform.py, `clip`, up to its tensor). Run with the folder of the data: python pillow.reference.py ../shared/data
import base64, json, sys
from PIL import Image

SIZE = 32
root = sys.argv[1]

def square(file):
    image = Image.open(file).convert('RGBA')
    width, height = image.size
    target = (SIZE, int(SIZE * height / width)) if width <= height else (int(SIZE * width / height), SIZE)
    image = image.resize(target, Image.BICUBIC)
    left, top = (round((side - SIZE) / 2) for side in target)
    return image.crop((left, top, left + SIZE, top + SIZE)).convert('RGB').tobytes()

json.dump({'size': SIZE, 'pictures': {file: base64.b64encode(square(f'{root}/{file}')).decode() for file in sys.argv[2:]}}, sys.stdout, indent=1)
