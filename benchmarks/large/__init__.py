"""One model of several GB on its way from object storage to a build context: interrupted, replaced, measured."""
