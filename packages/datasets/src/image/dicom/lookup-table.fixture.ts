/**
 * Images of 3 x 3 pixels that pydicom 3.0.2 wrote and showed: bytes (gzip, base64), and what `apply_modality_lut` and `apply_voi_lut` make of the pixels, from
 * black to white. All lie on the line from `low` (0) to `high` (255).
 */
export const lookupTableCases = [
  {
    name: 'a modality table of signed values, from -3 on',
    low: 10,
    high: 640,
    shown: [10, 10, 20, 80, 160, 320, 640, 640, 640],
    file: 'H4sIAAAAAAACA8WPTU7DMBCFn50olRBqU9oliy5YdIGsyY8qs0MNSKlEcMGKUHuZ9igcrfdAbXgOIlfobN739GbsGeC69bKpGk1t32IcqRoKbh2UpTS13STITG4KcjS4ki6lm/fOlmIyEbEmuIzZHbP7vyxfGaamWFmRsjDWlE+275nB12Nsd9zBNYuCXfliGX70YYslYlT+Fo17d1X96ZrXkKZ9GjGdDgQVKCWpgXRPE1Kk/t+D+A/gkYddOpweqOwT7xOMcO7CVCKtH+MGc/IW33hWR306pHBf4EXAT3fuOMvXws8x9vgF54XK5MABAAA=',
  },
  {
    name: 'a table of shades of 12 bits behind slope 2 and intercept 1',
    low: 0,
    high: 4095,
    shown: [0, 0, 500, 1500, 2900, 3900, 4050, 4095, 4095],
    file: 'H4sIAAAAAAACA8WQPU4DMRCF3/5kE4kFLz8FBUXKVJb3RysjUbGJlEgshpgVouceUHAQDsBpqClyCGrC8yDtFZjmfc9vNB4b+N9abro+pg43KV6pMSK466CsKKYOmwylrnRNTkbX0BV0Z+JsY3RpjLE6uJLZCbOLv6xqNVNdt9aYptZWN5dWek7h10e4e+IOrp/X7Krmi3CjD1sskKLzOXp367r11vWrkBaSJkyPR0IUqCBFI8VCipQIgbQtlqSSU7yQzDP+HmiZ/+yx09IXm8FnyDk7p8voznn+jO/oLfmaNLOHg4/DK/WuPtVe7V4KuEfwvfJh8kcpJsgwxQy/++H8C94BAAA=',
  },
  {
    name: 'a table of shades of 8 bits',
    low: 0,
    high: 255,
    shown: [5, 5, 50, 100, 150, 200, 250, 250, 250],
    file: 'H4sIAAAAAAACA8WQPW4CMRSEZ70bQ4GCIZQpEBWisLw/Qk6bTaRFymISa4XScw84Rc6UY3COFMDYkfYKvGa+8TzrPRu4b71t6lZQu48MJ6pAAvcalJUIareRyHWhS3Lau4pO0c2is5XRuTHG6uByZlNmz/9ZsdZMdbm2xlSltrp6sbHnCb55xO6bO7h2XrKrmC/DRB+2WCJD7Udo3dbVzZdr30OqYpoynfSEJJAiJT2JSGNSGgkkZfwnsCJfrjgv4pkwnZeQnDekk3QjPKDAAT/4xR/ORwW3B98TPyT+QcYOiQFv3ADxM8GxvgEAAA==',
  },
  {
    name: 'a table of shades in big-endian words',
    low: 0,
    high: 4095,
    shown: [0, 400, 800, 1200, 1600, 2000, 2400, 2800, 3200],
    file: 'H4sIAAAAAAACA8WPv2/aQBTH393Z57N9/lGSgaGqPHqyLgYhR+qAQhs5Uhy7Rah0Y+jAyMhWRkZGRkZGRkZGRkamylPFyMiU9tlR8i/kpNP3873vV6f3AN73fHnoZRR18KjBDJUCgfyuUjyEog4eONxEcdRCZm+ujc5Hd127pK2iG6VUElUuxqyB2ceXLO5EmEatTqJUuxUlUfsWe9i5gn7qQvETZ8izoIWtOIAQ6KBfjxGC1uuDzPKnvJd+z7OvderXKUP68EoEavKRyBu9/OIhsZoAQuX3v9VL//33XFb6B9+qHodf6CQ6jm5fdaGAKayQz6RJumRMFmRLSiqookM6o2t6oBcWsJRN2JLt2EnztUQbaXNtox110EO90Kf6St/rZ97kXT7mC77lpSEMZQyNmbE2DsZFBCIVE7EUO3EyfTMxR+bc3JhHC6zQKqyptbL21tlu2l17bC/srV1KIZUcyplcy4O8OIGTOhNn6eyck+u7iTty5+7GPXrghV7hTX+X4Oc/6o0beC24hk+4WQyf4R6K/7OyeXF6AgAA',
  },
  {
    name: 'a sigmoid window',
    low: 0,
    high: 65535,
    shown: [314.879, 1178.726, 4257.754, 13671.16, 32767.5, 51863.84, 61277.246, 64356.274, 65220.121],
    file: 'H4sIAAAAAAACA8WPS07DMBRFr50IMUDFfIYMMuygspzYqsyUpGoi1XXBKp85+4AlsCAWwDJYBAvg2kjZAm9yz9Wx7Gfgf2eY+iCZx12Nd6aEQLzLyRGSeZxO0OpOW3I1N8em2K5L887o1hjjdW4t3SXdzZ/r1ppW27U3xlnttbv15cwV0rjA4YU7xNBYnuqaZX4x5S2WqNGnM4S4j/34EMMmW1VsRXsxE0QmRRIzyULnpKoQSAc1pBrOGN5zX9gWflR9OkWatiFOQ/P9phCfwB/kecUXVuJD/Ihn+Smb6hea4GAGsAEAAA==',
  },
  {
    name: 'an exact window',
    low: 0,
    high: 65535,
    shown: [0.0, 0.0, 10922.5, 21845.0, 32767.5, 43690.0, 54612.5, 65535.0, 65535.0],
    file: 'H4sIAAAAAAACA8WPTU7DMBSEx07EClHzs2SRZRfIchIrMss0jZRITd02FMKKDfeAI3AgDsAxOAQH6NhIuUJnM99onvyegfNq3TeDpB83KT7pEgJ+FZwSkn7sL5DrQpfkZE6WSTHdxeSs0bkxxumQcnY37O7/u6LSbHVZOWNsqZ22jy7O3GLsrrB75Q1+yEpOFdkybBzDFUukaMZLDH7rm+7ghza0KrYJ2+uZIAIpkphJRlqQkkgg7dR6TGGN4Tv7yFXkZxX2bPptWx/e2qlunn4/FPwL+Iugd/zgQXyJPzHJb5klJ1L2wmS0AQAA',
  },
  {
    name: 'a window',
    low: 0,
    high: 65535,
    shown: [0.0, 0.0, 10940.735, 21881.469, 32822.204, 43762.938, 54703.673, 65535.0, 65535.0],
    file: 'H4sIAAAAAAACA8WOQW7CMBREx07EClEXWLLIkgWynMSKzJaAFCSCoRGC7nuP9gg9EAfgGByCAzA2Uq7A38wbvS/7A++d9bZuJfO0S/HHlBDwq5AcIZmn7QC5LnRJTvpm2RTbNDZnjc6NMU6HltON6WYvV1SaVpeVM8aW2mm7dHFngq4Z4fDNG3ybldwqsnn4sQtXzJGi7oZo/d7XzZdvN8GqaBPaz54gAimS6ElG+iAlkUA6qHWXwhrDd46RK/L9V8GfwYvD/OCGhfgXD3GRV5klT21ngyugAQAA',
  },
] as const
