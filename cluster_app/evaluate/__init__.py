"""How good and how fast a model is: accuracy on COCO folders, agreement of backends, annotated video, Table 1."""
